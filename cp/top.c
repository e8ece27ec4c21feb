/* SPDX-License-Identifier: MIT */
#include "cp/top.h"
#include "cp/number.h"

#include <curses.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- keys: false, the end */

static bool take_key(struct top *t, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'h':
	case '?':
		t->help = !t->help;
		break;
	case ' ':
		t->paused = !t->paused;
		break;
	case KEY_DOWN:
	case 'j':
		t->chosen++;
		break;
	case KEY_UP:
	case 'k':
		t->chosen--;
		break;
	case '+':
		t->ms = min(t->ms * 2, (u32)TOP_MAX_MS);
		break;
	case '-':
		t->ms = max(t->ms / 2, (u32)TOP_MIN_MS);
		break;
	}
	return true;
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

/* A terminal that has gone answers at once, with an error. */
static void run(struct top *t)
{
	u64 next = 0, now;
	int key = ERR;

	do {
		now = now_ms();
		if (now >= next && !t->paused) {
			top_look(t);
			next = now + t->ms;
		}
		top_draw(t);
		timeout(t->paused ? -1 : (int)(max(next, now + 1) - now));
		key = getch();
	} while ((key != ERR || now_ms() >= next) && take_key(t, key));
}

/* ---- the command */

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix top [OPTIONS] [PID|NAME]\n"
		   "The threads of all dataplanes, again and again; h explains "
		   "the columns.\n\n"
		   "  --every MS       milliseconds between two looks [1000]\n"
		   "  --json           no terminal: an object a line for each "
		   "interval\n"
		   "  -n, --count N    ... of N intervals\n"
		   "  --dir DIR        as the setting stat_dir\n");
	return status;
}

/* 0, or the exit status + 1. */
static int option(struct top *t, int c)
{
	bool ok = true;
	u64 n;

	switch (c) {
	case 'e':
		ok = number_option("every", optarg, TOP_MIN_MS, TOP_MAX_MS, &n);
		t->ms = (u32)n;
		break;
	case 'j':
		t->json = true;
		break;
	case 'n':
		ok = number_option("count", optarg, 1, UINT32_MAX, &n);
		t->count = (u32)n;
		break;
	case 'd':
		t->dir = optarg;
		break;
	case 'h':
		return usage(stdout, 0) + 1;
	default:
		return usage(stderr, EXIT_USAGE) + 1;
	}
	return ok ? 0 : EXIT_USAGE + 1;
}

/* 0, or the exit status + 1. */
static int parse(struct top *t, int argc, char **argv)
{
	static const struct option known[] = {
		{ "every", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'n' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, status = 0;

	while (!status &&
	       (c = getopt_long(argc, argv, "e:jn:d:h", known, NULL)) != -1)
		status = option(t, c);
	if (status)
		return status;
	if (optind + 1 < argc || (t->count && !t->json))
		return usage(stderr, EXIT_USAGE) + 1;
	t->who = argv[optind];
	return 0;
}

/* The one terminal; a signal ends it in order. */
static SCREEN *screen;

static void restore(int sig)
{
	endwin();
	signal(sig, SIG_DFL);
	raise(sig);
}

static bool open_screen(void)
{
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return false;
	signal(SIGINT, restore);
	signal(SIGTERM, restore);
	cbreak();
	noecho();
	keypad(stdscr, true);
	curs_set(0);
	return true;
}

int main(int argc, char **argv)
{
	static struct statfile_found pages[2][TOP_PAGES];
	static struct top t = { .dir = "", .ms = 1000 };
	int err = parse(&t, argc, argv);

	if (err)
		return err - 1;
	t.pages = pages[0];
	t.old = pages[1];
	if (t.json)
		return top_print(&t);
	if (!open_screen()) {
		fprintf(stderr, "ix: top needs a terminal; --json and ix stat "
				"--watch print lines\n");
		return 1;
	}
	run(&t);
	endwin();
	delscreen(screen);
	return 0;
}
