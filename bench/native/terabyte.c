/*
 * terabyte.c - 1 TiB of 4 KiB pages in a 4-level radix table: 2.004 GiB of tables.
 * Straight-line like radix.c, and likewise a lower bound: one entry layout, no permissions.
 *
 * Build:  cc -O2 -o terabyte terabyte.c
 * Run:    ./terabyte [reps]       (default 3; the median is printed; tables are touched before)
 * Output: {"ns":{"tib_fill":ns per page},"sum":{}}
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENTRIES 512u
#define PAGES (1ull << 28)
#define TABLES (PAGES / ENTRIES + PAGES / ENTRIES / ENTRIES + 2 + 1)

static uint64_t *mem;
static uint64_t next;

static uint64_t table(void)
{
	memset(mem + next * ENTRIES, 0, 4096);
	return next++;
}

static void __attribute__((noinline)) fill(void)
{
	uint64_t root = table(), pa = 1ull << 36;

	for (uint64_t g = 0; g < PAGES / ENTRIES / ENTRIES; g++) {
		uint64_t *e3 = &mem[root * ENTRIES + g / ENTRIES];

		if (!*e3)
			*e3 = table() << 12 | 1;
		uint64_t l1 = table();

		mem[(*e3 >> 12) * ENTRIES + g % ENTRIES] = l1 << 12 | 1;
		for (unsigned m = 0; m < ENTRIES; m++) {
			uint64_t l0 = table();

			mem[l1 * ENTRIES + m] = l0 << 12 | 1;
			for (unsigned i = 0; i < ENTRIES; i++, pa += 4096)
				mem[l0 * ENTRIES + i] = pa | 3;
		}
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int cmp(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	int reps = argc > 1 ? atoi(argv[1]) : 3;
	double ns[64];

	if (reps < 1 || reps > 64)
		return 2;
	mem = aligned_alloc(4096, TABLES * 4096);
	if (!mem)
		return 1;
	memset(mem, 0xff, TABLES * 4096);
	for (int r = 0; r < reps; r++) {
		double start = now();

		next = 0;
		fill();
		ns[r] = (now() - start) / PAGES;
	}
	qsort(ns, reps, sizeof(double), cmp);
	printf("{\"ns\":{\"tib_fill\":%.4f},\"sum\":{}}\n", ns[reps / 2]);
	return 0;
}
