/* SPDX-License-Identifier: MIT */
#include "cp/top.h"

#include <curses.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>

enum {
	BAR = 10,	/* columns of a load */
	PANEL = 14,	/* lines of the chosen dataplane's histograms */
	HIST = 24,	/* columns of a histogram's longest bar */
	TALL = 20,	/* lines that a screen with a panel has at least */
	DELAY_FROM = 6, /* below 64 ns it is all one */
};

/* ---- pieces */

static void bar(double part, int columns)
{
	int n = (int)(part * columns + 0.5);

	for (int i = 0; i < columns; i++)
		addch(i < n ? '|' : ' ');
}

/* 1234567 as 1.23M: six columns. */
static void rate(double n)
{
	if (n < 99999.5)
		printw(" %6.0f", n);
	else if (n < 9.995e6)
		printw(" %5.2fM", n / 1e6);
	else
		printw(" %5.1fM", n / 1e6);
}

/* us: six columns. */
static void delay(double us)
{
	if (us < 999.95)
		printw(" %5.1fu", us);
	else if (us < 999950)
		printw(" %5.1fm", us / 1e3);
	else
		printw(" %5.1fs", us / 1e6);
}

static void ns_name(int log2, char out[8])
{
	double ns = (double)(1ull << log2);

	if (ns < 1e3)
		snprintf(out, 8, "%.0fns", ns);
	else if (ns < 1e6)
		snprintf(out, 8, "%.0fus", ns / 1e3);
	else if (ns < 1e9)
		snprintf(out, 8, "%.0fms", ns / 1e6);
	else
		snprintf(out, 8, "%.0fs", ns / 1e9);
}

/* ---- the table */

static void draw_thread(int y, const struct top_thread *t)
{
	move(y, 2);
	printw("%3u %4u ", t->f->thread, t->f->page.core);
	if (t->known) {
		printw("%3.0f%% [", t->load * 100);
		bar(t->load, BAR);
		addch(']');
		rate(t->rx);
		rate(t->tx);
		printw(" %5.1f", t->batch);
		delay(t->delay);
		delay(t->delay99);
		rate(t->drops);
	} else {
		printw("%*s", 4 + 3 + BAR + 7 + 7 + 6 + 7 + 7 + 7, "");
	}
	printw(" %7" PRIu64, t->f->page.stat.tcp_conns);
	clrtoeol();
}

static void draw_name(int y, const struct statfile_found *f, bool chosen)
{
	const struct passwd *pw = getpwuid(f->owner);

	attrset(chosen ? A_REVERSE : A_BOLD);
	mvprintw(y, 0, "%s, process %d, ", f->page.name, (int)f->pid);
	if (pw)
		printw("user %.16s: ", pw->pw_name);
	else
		printw("user %u: ", f->owner);
	printw("%.*s", max(COLS - getcurx(stdscr), 0), f->page.about);
	if (chosen && getcury(stdscr) == y)
		printw("%*s", max(COLS - getcurx(stdscr) - 1, 0), "");
	attrset(A_NORMAL);
}

static void draw_head(const struct top *t)
{
	int n = top_dataplanes(t);

	mvprintw(0, 0, "ix top: %d dataplane%s, every %.1f s%s", n,
		 n == 1 ? "" : "s", t->ms / 1e3, t->paused ? ", paused" : "");
	mvprintw(0, max(COLS - 16, 0), "h help, q quit");
	attrset(A_UNDERLINE);
	mvprintw(1, 0, "%5s %4s %4s %-*s %6s %6s %5s %6s %6s %6s %7s", "THR",
		 "CORE", "LOAD", BAR + 2, "", "RX/S", "TX/S", "BATCH", "DELAY",
		 "P99", "DROP/S", "CONNS");
	attrset(A_NORMAL);
}

/* From line 2 up to line @end; which dataplane is the first there follows the
 * chosen one. */
static void draw_table(const struct top *t, int end)
{
	int y = 2, number = 0;

	for (int i = 0, next; i < t->n && y < end; i = next, number++) {
		next = top_end(t, i);
		if (number < t->first)
			continue;
		draw_name(y++, t->threads[i].f, number == t->chosen);
		for (int k = i; k < next && y < end; k++)
			draw_thread(y++, &t->threads[k]);
	}
}

/* ---- histograms of the chosen one */

struct sums {
	double batches[IX_BATCH_BUCKETS], delays[IX_DELAY_BUCKETS];
};

static void add(double *to, const double *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] += from[i];
}

static bool sum_chosen(const struct top *t, struct sums *s)
{
	int number = 0, end;

	memset(s, 0, sizeof(*s));
	for (int i = 0; i < t->n; i = end, number++) {
		end = top_end(t, i);
		if (number != t->chosen)
			continue;
		for (int k = i; k < end; k++) {
			add(s->batches, t->threads[k].batches,
			    IX_BATCH_BUCKETS);
			add(s->delays, t->threads[k].delays, IX_DELAY_BUCKETS);
		}
		return true;
	}
	return false;
}

static double largest(const double *a, int n)
{
	double most = 0;

	for (int i = 0; i < n; i++)
		most = max(most, a[i]);
	return most;
}

static void draw_bar(int y, int x, const char *label, double n, double most)
{
	mvprintw(y, x, "%9s", label);
	rate(n);
	addch(' ');
	bar(most > 0 ? n / most : 0, HIST - 4);
}

static void draw_batches(int y, const struct sums *s, int lines)
{
	double most = largest(s->batches, IX_BATCH_BUCKETS);
	char label[24];

	mvprintw(y++, 0, "iterations/s by packets");
	for (int i = 0; i < min(lines - 1, (int)IX_BATCH_BUCKETS); i++) {
		snprintf(label, sizeof(label), i ? "%d-%d" : "%d", 1 << i,
			 (2 << i) - 1);
		draw_bar(y + i, 0, label, s->batches[i], most);
	}
}

/* The last line has all that is longer. */
static void draw_delays(int y, struct sums *s, int lines)
{
	double most;
	char label[16], to[8];
	int last = DELAY_FROM + lines - 2;

	for (int i = 0; i < DELAY_FROM; i++)
		s->delays[DELAY_FROM] += s->delays[i];
	for (int i = last + 1; i < IX_DELAY_BUCKETS; i++)
		s->delays[last] += s->delays[i];
	most = largest(s->delays + DELAY_FROM, last + 1 - DELAY_FROM);
	mvprintw(y++, COLS / 2, "packets/s by delay, at most");
	for (int i = DELAY_FROM; i <= last; i++) {
		ns_name(i == last ? i : i + 1, to);
		snprintf(label, sizeof(label), i == last ? "> %s" : "%s", to);
		draw_bar(y + i - DELAY_FROM, COLS / 2, label, s->delays[i],
			 most);
	}
}

static void draw_help(void)
{
	static const char *const lines[] = {
		"LOAD    time not idle, the application's included",
		"RX/S    packets a second received; TX/S: sent",
		"BATCH   packets per iteration that received some",
		"DELAY   in the NIC's queue, at most: mean; P99: of 99 in 100",
		"DROP/S  packets dropped, for any reason: ix stat says which",
		"CONNS   TCP connections",
		"",
		"up, down, k, j  another dataplane",
		"+, -            more seldom, more often",
		"space           stops, goes on",
		"h, ?            this, and back",
		"q               the end",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		mvprintw(2 + (int)i, 2, "%s", lines[i]);
}

/* ---- all of it */

/* Scrolled so that the chosen one is on the screen. */
static void follow(struct top *t)
{
	t->chosen = max(min(t->chosen, top_dataplanes(t) - 1), 0);
	t->first = t->chosen ? t->chosen - 1 : 0;
}

void top_draw(struct top *t)
{
	bool tall = LINES >= TALL;
	struct sums s;

	erase();
	follow(t);
	draw_head(t);
	if (t->help) {
		draw_help();
	} else if (!t->n) {
		mvprintw(3, 2, "no dataplane%s%.40s is running",
			 t->who ? " called " : "", t->who ? t->who : "");
	} else {
		draw_table(t, tall ? LINES - PANEL : LINES);
		if (tall && sum_chosen(t, &s)) {
			draw_batches(LINES - PANEL + 1, &s, PANEL - 1);
			draw_delays(LINES - PANEL + 1, &s, PANEL - 1);
		}
	}
	refresh();
}
