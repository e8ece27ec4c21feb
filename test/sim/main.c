/* SPDX-License-Identifier: MIT */
/*
 *	sim [OPTION...] SEED           one seed
 *	sim -n COUNT [OPTION...] SEED  so many, from SEED on; 0: until stopped
 *
 * A seed that fails is tried again with ever less in it, as long as it fails;
 * what it then is, is printed as a command.
 */
#include "sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_JOBS = 64,
	TELL_S = 600,
	ALL_STATES = 100, /* seeds in which a connection moves in each state */
};

static const char *const state_names[TCP_NR_STATES] = {
	[TCP_SYN_SENT] = "SYN-SENT",	   [TCP_SYN_RCVD] = "SYN-RECEIVED",
	[TCP_ESTABLISHED] = "ESTABLISHED", [TCP_FIN_WAIT_1] = "FIN-WAIT-1",
	[TCP_FIN_WAIT_2] = "FIN-WAIT-2",   [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	[TCP_CLOSING] = "CLOSING",	   [TCP_LAST_ACK] = "LAST-ACK",
	[TCP_TIME_WAIT] = "TIME-WAIT",
};

struct options {
	struct plan plan;
	u64 count;
	bool many, quick;
	u32 jobs;
	double seconds; /* 0: no limit */
};

/* Of one process; shared memory. */
struct job {
	u64 seed; /* in work */
	u64 seeds, bytes, frames, steps, links;
	u64 in_play[NR_FAULTS];
	struct moved moved;
	double virtual_s;
};

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* ---- options */

static int usage(void)
{
	fputs("usage: sim [-n COUNT] [-s SECONDS] [-j JOBS] [-x FAULT,...]\n"
	      "           [-H HOSTS] [-L LINKS] [-t TROUBLES] [-f FIRST-LAST]\n"
	      "           [-v] [-p] [-q] [-b] SEED\n"
	      "  -n  so many seeds (0: until stopped), -s: as time allows\n"
	      "  -x  without these faults:",
	      stderr);
	for (u32 i = 0; i < NR_FAULTS; i++)
		fprintf(stderr, " %s", sim_fault_names[i]);
	fputs("\n  -H, -L  at most so many hosts and connections\n"
	      "  -t  mask of the troubles that happen, hexadecimal\n"
	      "  -f  frames that may be lost, late, ...\n"
	      "  -v  tell what happens; -p: and all packets\n"
	      "  -q  what fails is not tried with less\n"
	      "  -b  who reads in pauses loses a byte: for the shrinker's "
	      "test\n",
	      stderr);
	return 2;
}

static bool leave_out(struct plan *p, char *names)
{
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		u32 i = 0;

		while (i < NR_FAULTS && strcmp(sim_fault_names[i], name))
			i++;
		if (i == NR_FAULTS)
			return false;
		p->allowed &= ~(1ull << i);
	}
	return true;
}

static bool parse_frames(struct plan *p, const char *text)
{
	unsigned long long first, last;

	if (sscanf(text, "%llu-%llu", &first, &last) != 2)
		return false;
	p->first = first;
	p->last = last;
	return true;
}

static bool parse_option(struct options *o, int letter)
{
	switch (letter) {
	case 'n':
		o->many = true;
		o->count = strtoull(optarg, NULL, 0);
		return true;
	case 's':
		o->seconds = atof(optarg);
		return true;
	case 'j':
		o->jobs = (u32)atoi(optarg);
		return o->jobs && o->jobs <= MAX_JOBS;
	case 'x':
		return leave_out(&o->plan, optarg);
	case 'H':
		o->plan.max_hosts = (u32)atoi(optarg);
		return o->plan.max_hosts >= 2;
	case 'L':
		o->plan.max_links = (u32)atoi(optarg);
		return true;
	case 't':
		o->plan.troubles = strtoull(optarg, NULL, 16);
		return true;
	case 'f':
		return parse_frames(&o->plan, optarg);
	case 'b':
		o->plan.broken = true;
		return true;
	case 'q':
		o->quick = true;
		return true;
	case 'p':
		o->plan.trace = true;
		/* fall through */
	case 'v':
		o->plan.verbose = true;
		return true;
	default:
		return false;
	}
}

static bool parse(struct options *o, int argc, char **argv)
{
	int letter;

	*o = (struct options){
		.plan = { .allowed = ~0ull,
			  .troubles = ~0ull,
			  .max_hosts = SIM_HOSTS,
			  .max_links = SIM_LINKS,
			  .last = UINT64_MAX },
		.jobs = 1,
	};
	while ((letter = getopt(argc, argv, "n:s:j:x:H:L:t:f:vpqb")) != -1) {
		if (!parse_option(o, letter))
			return false;
	}
	if (optind + 1 != argc)
		return false;
	o->plan.seed = strtoull(argv[optind], NULL, 0);
	return true;
}

/* ---- many seeds */

static void add_moved(struct moved *sum, const struct moved *m)
{
	for (u32 i = 0; i < TCP_NR_STATES; i++)
		sum->in[i] += m->in[i];
	sum->repairing += m->repairing;
	sum->holes += m->holes;
}

static void note(struct job *job, const struct sim_result *r)
{
	job->seeds++;
	job->bytes += r->bytes;
	job->frames += r->frames;
	job->steps += r->steps;
	job->links += r->links;
	job->virtual_s += (double)r->virtual_ns * 1e-9;
	for (u32 i = 0; i < NR_FAULTS; i++)
		job->in_play[i] += r->faults >> i & 1;
	add_moved(&job->moved, &r->moved);
}

static void run_job(const struct options *o, struct job *job, u32 nr,
		    double stop)
{
	struct plan p = o->plan;

	for (u64 i = nr; !o->count || i < o->count; i += o->jobs) {
		struct sim_result r;

		if (stop && seconds() > stop)
			break;
		job->seed = p.seed = o->plan.seed + i;
		alarm(SIM_HANGS_S);
		sim_run(&p, &r);
		note(job, &r);
	}
}

static void report_moved(const struct moved *m)
{
	for (u32 i = TCP_SYN_SENT; i < TCP_NR_STATES; i++)
		printf("%s%s %llu", i > TCP_SYN_SENT ? ", " : "moved in ",
		       state_names[i], (unsigned long long)m->in[i]);
	printf("; %llu of them repaired losses, %llu had holes\n",
	       (unsigned long long)m->repairing, (unsigned long long)m->holes);
}

/* Has each that should be been tried often enough to be meant? */
static bool all_moved(const struct options *o, const struct job *jobs)
{
	struct moved m = { 0 };
	u64 seeds = 0;
	bool all = true;

	for (u32 j = 0; j < o->jobs; j++) {
		add_moved(&m, &jobs[j].moved);
		seeds += jobs[j].seeds;
	}
	if (!(o->plan.allowed >> FAULT_MOVE & 1) || seeds < ALL_STATES)
		return true;
	for (u32 i = TCP_SYN_SENT; i < TCP_NR_STATES; i++)
		all &= m.in[i] > 0;
	all &= m.repairing && m.holes;
	if (!all)
		fprintf(stderr, "not all have moved\n");
	return all;
}

static void report(const struct job *jobs, u32 n, double took)
{
	struct job sum = { 0 };

	for (u32 j = 0; j < n; j++) {
		sum.seeds += jobs[j].seeds;
		sum.bytes += jobs[j].bytes;
		sum.frames += jobs[j].frames;
		sum.steps += jobs[j].steps;
		sum.links += jobs[j].links;
		sum.virtual_s += jobs[j].virtual_s;
		for (u32 i = 0; i < NR_FAULTS; i++)
			sum.in_play[i] += jobs[j].in_play[i];
		add_moved(&sum.moved, &jobs[j].moved);
	}
	printf("%llu seeds, %llu connections (%.0f a second), %.0f MB, %llu "
	       "frames, %llu steps, %.0f h\n",
	       (unsigned long long)sum.seeds, (unsigned long long)sum.links,
	       (double)sum.links / took, (double)sum.bytes * 1e-6,
	       (unsigned long long)sum.frames, (unsigned long long)sum.steps,
	       sum.virtual_s / 3600);
	for (u32 i = 0; i < NR_FAULTS; i++)
		printf("%s%s %llu", i ? ", " : "seeds with ",
		       sim_fault_names[i], (unsigned long long)sum.in_play[i]);
	putchar('\n');
	report_moved(&sum.moved);
}

static bool start_jobs(const struct options *o, struct job *jobs, pid_t *pids)
{
	double stop = o->seconds > 0 ? seconds() + o->seconds : 0;

	fflush(NULL);
	for (u32 i = 0; i < o->jobs; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			signal(SIGINT, SIG_DFL);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run_job(o, &jobs[i], i, stop);
			exit(0); /* not _exit(): lines reached are counted */
		}
		if (pids[i] < 0)
			return false;
	}
	return true;
}

/* One job has ended. The first that fails ends the others, as does Ctrl-C. */
static void job_ended(const struct options *o, pid_t *pids, pid_t pid,
		      int status, u32 *bad)
{
	bool stopped = WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT ||
					       WTERMSIG(status) == SIGTERM);

	for (u32 i = 0; i < o->jobs; i++) {
		if (pids[i] == pid) {
			pids[i] = 0;
			if (status && !stopped && *bad == o->jobs)
				*bad = i;
		}
	}
	for (u32 i = 0; i < o->jobs && status; i++) {
		if (pids[i])
			kill(pids[i], SIGTERM);
	}
}

/* Which one failed, or o->jobs: none. */
static u32 wait_jobs(const struct options *o, const struct job *jobs,
		     pid_t *pids, double began)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	double told = began;
	u32 bad = o->jobs;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) >= 0) {
		if (pid)
			job_ended(o, pids, pid, status, &bad);
		else
			nanosleep(&pause, NULL);
		if (seconds() > told + TELL_S) {
			told = seconds();
			report(jobs, o->jobs, told - began);
			fflush(stdout);
		}
	}
	return bad;
}

static int run_many(const struct options *o)
{
	struct job *jobs =
		mmap(NULL, sizeof(*jobs) * o->jobs, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[MAX_JOBS];
	double began = seconds();
	struct plan p = o->plan;
	u32 bad;

	signal(SIGINT, SIG_IGN); /* the jobs end, and we report */
	if (jobs == MAP_FAILED || !start_jobs(o, jobs, pids)) {
		perror("sim");
		return 1;
	}
	bad = wait_jobs(o, jobs, pids, began);
	report(jobs, o->jobs, seconds() - began);
	if (bad == o->jobs)
		return !all_moved(o, jobs);
	p.seed = jobs[bad].seed;
	fprintf(stderr, "seed %llu fails\n", (unsigned long long)p.seed);
	shrink_print(&p);
	fflush(NULL);
	if (!o->quick)
		shrink(p);
	return 1;
}

int main(int argc, char **argv)
{
	struct sim_result r;
	struct options o;

	if (!parse(&o, argc, argv))
		return usage();
	if (o.many)
		return run_many(&o);
	sim_run(&o.plan, &r);
	printf("%u hosts, %u connections, %.1f MB, %llu frames, %llu steps, "
	       "%.1f s\n",
	       r.hosts, r.links, (double)r.bytes * 1e-6,
	       (unsigned long long)r.frames, (unsigned long long)r.steps,
	       (double)r.virtual_ns * 1e-9);
	return 0;
}
