/*
 * radix.c - the "limit" comparator of the performance bench.
 *
 * A minimal 4-level, 512-entry, 8-byte-PTE radix table plus two small IOTLBs,
 * written to be close to what the hardware this runs on can do for the
 * workloads the TypeScript model is timed on. It models no real format: one
 * fixed PTE layout, no permissions beyond a present bit, no locking, no
 * invalidation queue. It is therefore a LOWER BOUND, not a peer: a ratio
 * against it says how far from the limit the model is.
 *
 * Build:  cc -O2 -o radix radix.c
 * Run:    ./radix [reps]          (default 9; the median of the reps is printed)
 * Output: one JSON object on stdout; every figure under "ns" is ns per op,
 *         where an op is one page (map/unmap), one walk or one lookup.
 *         "sum" holds checksums: a port of the same workloads must reproduce
 *         them, which shows that both sides did the same work.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))

typedef uint64_t u64;
typedef uint32_t u32;

/* ---- table memory: one arena of 4 KiB pages, a bump pointer and a free list */

#define ENTRIES 512u
#define PTE_P 1ull		/* present */
#define PTE_LEAF 2ull		/* leaf (a block when above level 0) */
#define PTE_ADDR 0x000ffffffffff000ull

struct arena {
	u64 *mem;		/* npages * 512 */
	u32 npages;
	u32 next;		/* bump; page 0 is never handed out */
	u32 free_head;		/* 0 = none; the link is entry 0 of a free page */
	u32 live;
};

struct pt {
	struct arena *a;
	u32 root;		/* page number in the arena */
};

static void arena_init(struct arena *a, u32 npages)
{
	a->mem = aligned_alloc(4096, (size_t)npages * 4096);
	if (!a->mem) {
		perror("aligned_alloc");
		exit(1);
	}
	memset(a->mem, 0xff, (size_t)npages * 4096); /* touch: no page faults later */
	a->npages = npages;
	a->next = 1;
	a->free_head = 0;
	a->live = 0;
}

static inline u64 *page_of(const struct arena *a, u32 n)
{
	return a->mem + (size_t)n * ENTRIES;
}

static u32 page_alloc(struct arena *a)
{
	u32 n = a->free_head;

	if (n) {
		a->free_head = (u32)page_of(a, n)[0];
	} else {
		if (a->next == a->npages) {
			fprintf(stderr, "arena full\n");
			exit(1);
		}
		n = a->next++;
	}
	a->live++;
	memset(page_of(a, n), 0, 4096);
	return n;
}

static inline void page_free(struct arena *a, u32 n)
{
	page_of(a, n)[0] = a->free_head;
	a->free_head = n;
	a->live--;
}

static inline unsigned shift_of(int level)
{
	return 12u + 9u * (unsigned)level;
}

static inline u64 table_pte(u32 n)
{
	return ((u64)n << 12) | PTE_P;
}

static inline u32 table_of(u64 pte)
{
	return (u32)((pte & PTE_ADDR) >> 12);
}

/* ---- map: [iova, iova+len) -> pa with leaves at level `leaf` */

static NOINLINE int map_range(struct pt *t, u64 iova, u64 pa, u64 len, int leaf)
{
	struct arena *a = t->a;
	const unsigned ls = shift_of(leaf);
	const u64 step = 1ull << ls;

	while (len) {
		u64 *tab = page_of(a, t->root);
		int l;

		for (l = 3; l > leaf; l--) {
			u64 *e = &tab[(iova >> shift_of(l)) & 511];

			if (!(*e & PTE_P))
				*e = table_pte(page_alloc(a));
			else if (*e & PTE_LEAF)
				return -1;
			tab = page_of(a, table_of(*e));
		}
		u32 i = (iova >> ls) & 511;
		u64 n = len >> ls;

		if (n > ENTRIES - i)
			n = ENTRIES - i;
		u64 *e = tab + i, *end = e + n;
		u64 pte = pa | PTE_P | PTE_LEAF;

		for (; e != end; e++, pte += step) {
			if (*e & PTE_P)
				return -1;
			*e = pte;
		}
		iova += n << ls;
		pa += n << ls;
		len -= n << ls;
	}
	return 0;
}

/* one 4 KiB page: the straight-line path, then the general one when a table lacks */
static NOINLINE int map_one(struct pt *t, u64 iova, u64 pa)
{
	u64 *tab = page_of(t->a, t->root);

#define LEVEL(l) do {								\
		u64 pte = tab[(iova >> (12 + 9 * (l))) & 511];			\
		if ((pte & (PTE_P | PTE_LEAF)) != PTE_P)			\
			return map_range(t, iova, pa, 4096, 0);			\
		tab = page_of(t->a, table_of(pte));				\
	} while (0)
	LEVEL(3);
	LEVEL(2);
	LEVEL(1);
#undef LEVEL
	u64 *e = &tab[(iova >> 12) & 511];

	if (*e & PTE_P)
		return -1;
	*e = pa | PTE_P | PTE_LEAF;
	return 0;
}

/* ---- unmap: clear the leaves and free each table the range covers whole */

static void free_sub(struct arena *a, u32 n, int level)
{
	if (level > 0) {
		u64 *tab = page_of(a, n);

		for (u32 i = 0; i < ENTRIES; i++)
			if ((tab[i] & (PTE_P | PTE_LEAF)) == PTE_P)
				free_sub(a, table_of(tab[i]), level - 1);
	}
	page_free(a, n);
}

static u64 unmap_level(struct arena *a, u32 n, int level, u64 iova, u64 last)
{
	u64 *tab = page_of(a, n);
	const unsigned sh = shift_of(level);
	u32 i = (iova >> sh) & 511;
	u32 e = ((iova ^ last) >> (sh + 9)) ? 511 : (u32)((last >> sh) & 511);
	u64 done = 0;

	if (level == 0) {
		memset(tab + i, 0, (size_t)(e - i + 1) * 8);
		return (u64)(e - i + 1) << 12;
	}
	for (; i <= e; i++) {
		u64 pte = tab[i];
		u64 lo = (iova >> (sh + 9) << (sh + 9)) | ((u64)i << sh);
		u64 hi = lo + (1ull << sh) - 1;

		if (!(pte & PTE_P))
			continue;
		if (lo >= iova && hi <= last) {
			tab[i] = 0;
			if (!(pte & PTE_LEAF))
				free_sub(a, table_of(pte), level - 1);
			done += 1ull << sh;
		} else if (!(pte & PTE_LEAF)) {
			done += unmap_level(a, table_of(pte), level - 1,
					    lo > iova ? lo : iova,
					    hi < last ? hi : last);
		}
	}
	return done;
}

static NOINLINE u64 unmap_range(struct pt *t, u64 iova, u64 len)
{
	u64 last = iova + len - 1;
	u32 n = t->root;
	int l = 3;

	/* go down while the range is a proper part of one entry, then recurse */
	while (l > 0 && !((iova ^ last) >> shift_of(l)) && len >> shift_of(l) == 0) {
		u64 pte = page_of(t->a, n)[(iova >> shift_of(l)) & 511];

		if ((pte & (PTE_P | PTE_LEAF)) != PTE_P)
			return 0;
		n = table_of(pte);
		l--;
	}
	if (len == 4096) {	/* here l is 0 */
		page_of(t->a, n)[(iova >> 12) & 511] = 0;
		return len;
	}
	return unmap_level(t->a, n, l, iova, last);
}

static NOINLINE u64 unmap_one(struct pt *t, u64 iova)
{
	u64 *tab = page_of(t->a, t->root);

#define LEVEL(l) do {								\
		u64 pte = tab[(iova >> (12 + 9 * (l))) & 511];			\
		if ((pte & (PTE_P | PTE_LEAF)) != PTE_P)			\
			return unmap_range(t, iova, 4096);			\
		tab = page_of(t->a, table_of(pte));				\
	} while (0)
	LEVEL(3);
	LEVEL(2);
	LEVEL(1);
#undef LEVEL
	u64 *e = &tab[(iova >> 12) & 511];

	if (!(*e & PTE_P))
		return 0;
	*e = 0;
	return 4096;
}

/* ---- walk: 0 = fault (no leaf is at address 0 in these workloads) */

static NOINLINE u64 walk(const struct pt *t, u64 iova)
{
	const u64 *tab = page_of(t->a, t->root);

#define LEVEL(l) do {								\
		u64 pte = tab[(iova >> (12 + 9 * (l))) & 511];			\
		const u64 m = (1ull << (12 + 9 * (l))) - 1;			\
		if (!(pte & PTE_P))						\
			return 0;						\
		if (pte & PTE_LEAF)						\
			return (pte & PTE_ADDR & ~m) | (iova & m);		\
		tab = page_of(t->a, table_of(pte));				\
	} while (0)
	LEVEL(3);
	LEVEL(2);
	LEVEL(1);
	LEVEL(0);
#undef LEVEL
	return 0;
}

/* ---- IOTLB: direct-mapped and 4-way, 4096 entries, tag = domain << 40 | pfn */

#define TLB_ENTRIES 4096u
struct tlb_e {
	u64 tag, pa;
};
static struct tlb_e dm[TLB_ENTRIES];
static u64 w4_tag[TLB_ENTRIES], w4_pa[TLB_ENTRIES];
static unsigned char w4_next[TLB_ENTRIES / 4];

static NOINLINE u64 xlate_dm(const struct pt *t, u32 dom, u64 iova)
{
	u64 pfn = iova >> 12, tag = ((u64)dom << 40 | pfn) + 1;
	struct tlb_e *e = &dm[(pfn ^ dom) & (TLB_ENTRIES - 1)];

	if (__builtin_expect(e->tag != tag, 0)) {
		u64 pa = walk(t, iova);

		if (!pa)
			return 0;
		e->tag = tag;
		e->pa = pa & ~0xfffull;
	}
	return e->pa | (iova & 0xfff);
}

static NOINLINE u64 xlate_4w(const struct pt *t, u32 dom, u64 iova)
{
	u64 pfn = iova >> 12, tag = ((u64)dom << 40 | pfn) + 1;
	u32 set = (u32)(pfn ^ dom) & (TLB_ENTRIES / 4 - 1), b = set * 4;

	/* no branch on the way: which way hits is not predictable */
	u32 w = (w4_tag[b + 1] == tag) + 2 * (w4_tag[b + 2] == tag) + 3 * (w4_tag[b + 3] == tag);

	if (__builtin_expect(w4_tag[b + w] == tag, 1))
		return w4_pa[b + w] | (iova & 0xfff);
	u64 pa = walk(t, iova);

	if (!pa)
		return 0;
	b += w4_next[set]++ & 3;
	w4_tag[b] = tag;
	w4_pa[b] = pa & ~0xfffull;
	return pa;
}

/* ---- the workloads */

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

#define MAXREP 101
enum { MAP4K_BULK, UNMAP4K_BULK, MAP4K_ONE, UNMAP4K_ONE, MAP2M_BULK, UNMAP2M_BULK,
       MAP2M_ONE, UNMAP2M_ONE, WALK_SEQ, WALK_RAND, WALK_RAND_4G, WALK_2M_RAND,
       TLB_DM_HIT, TLB_4W_HIT, TLB_DM_MIX, TLB_4W_MIX, NW };
static const char *const wname[NW] = {
	"map4k_bulk", "unmap4k_bulk", "map4k_one", "unmap4k_one", "map2m_bulk",
	"unmap2m_bulk", "map2m_one", "unmap2m_one", "walk_seq", "walk_rand",
	"walk_rand_4g", "walk_2m_rand", "tlb_dm_hit", "tlb_4w_hit", "tlb_dm_mix", "tlb_4w_mix",
};
static double res[NW][MAXREP];

#define NPG 65536u		/* 256 MiB of 4 KiB pages */
#define NBLK 65536u		/* 128 GiB of 2 MiB blocks */
#define NBIG (1u << 20)		/* 4 GiB of 4 KiB pages */
#define IOVA0 0x100000000ull
#define PA0 0x1000000000ull

/* xorshift32: the same sequence in every language */
static u32 rs;
static u32 rnd(void)
{
	rs ^= rs << 13;
	rs ^= rs >> 17;
	rs ^= rs << 5;
	return rs;
}

int main(int argc, char **argv)
{
	int reps = argc > 1 ? atoi(argv[1]) : 9;
	struct arena a;
	struct pt t = { .a = &a };
	u64 sum_walk = 0, sum_rand = 0, sum_big = 0, sum_2m = 0, sum_tlb = 0, bad = 0;
	u32 *ord = malloc(NPG * 4), *big = malloc(NBIG * 4), *hot = malloc(NPG * 4);

	if (reps < 1 || reps > MAXREP)
		return 2;
	arena_init(&a, 4096);
	rs = 12345;
	for (u32 i = 0; i < NPG; i++)
		ord[i] = rnd() & (NPG - 1);
	for (u32 i = 0; i < NBIG; i++)
		big[i] = rnd() & (NBIG - 1);
	for (u32 i = 0; i < NPG; i++)
		hot[i] = rnd() & 2047;
	t.root = page_alloc(&a);

	for (int r = 0; r < reps; r++) {
		double s;
#define T(w, n, body) do { s = now(); body; res[w][r] = (now() - s) / (n); } while (0)
		T(MAP4K_BULK, NPG, bad += map_range(&t, IOVA0, PA0, (u64)NPG << 12, 0) != 0);
		sum_walk = 0;
		T(WALK_SEQ, NPG, for (u32 i = 0; i < NPG; i++) sum_walk += walk(&t, IOVA0 + ((u64)i << 12)));
		T(UNMAP4K_BULK, NPG, bad += unmap_range(&t, IOVA0, (u64)NPG << 12) != (u64)NPG << 12);

		T(MAP4K_ONE, NPG, for (u32 i = 0; i < NPG; i++)
			bad += map_one(&t, IOVA0 + ((u64)i << 12),
				       PA0 + ((u64)(i * 2654435761u & (NPG - 1)) << 12)) != 0);
		sum_rand = 0;
		T(WALK_RAND, NPG, for (u32 i = 0; i < NPG; i++) sum_rand += walk(&t, IOVA0 + ((u64)ord[i] << 12)));
		memset(dm, 0, sizeof(dm));
		memset(w4_tag, 0, sizeof(w4_tag));
		memset(w4_next, 0, sizeof(w4_next));
		for (u32 i = 0; i < 2048; i++)
			sum_tlb += xlate_dm(&t, 7, IOVA0 + ((u64)i << 12)) +
				   xlate_4w(&t, 7, IOVA0 + ((u64)i << 12));
		sum_tlb = 0;
		T(TLB_DM_HIT, NPG, for (u32 i = 0; i < NPG; i++) sum_tlb += xlate_dm(&t, 7, IOVA0 + ((u64)hot[i] << 12)));
		T(TLB_4W_HIT, NPG, for (u32 i = 0; i < NPG; i++) sum_tlb += xlate_4w(&t, 7, IOVA0 + ((u64)hot[i] << 12)));
		T(TLB_DM_MIX, NPG, for (u32 i = 0; i < NPG; i++) sum_tlb += xlate_dm(&t, 7, IOVA0 + ((u64)ord[i] << 12)));
		T(TLB_4W_MIX, NPG, for (u32 i = 0; i < NPG; i++) sum_tlb += xlate_4w(&t, 7, IOVA0 + ((u64)ord[i] << 12)));
		T(UNMAP4K_ONE, NPG, for (u32 i = 0; i < NPG; i++)
			bad += unmap_one(&t, IOVA0 + ((u64)i << 12)) != 4096);
		unmap_range(&t, 0, 1ull << 48);	/* the emptied tables */

		T(MAP2M_BULK, NBLK, bad += map_range(&t, IOVA0, PA0, (u64)NBLK << 21, 1) != 0);
		sum_2m = 0;
		T(WALK_2M_RAND, NPG, for (u32 i = 0; i < NPG; i++) sum_2m += walk(&t, IOVA0 + ((u64)ord[i] << 17)));
		T(UNMAP2M_BULK, NBLK, bad += unmap_range(&t, IOVA0, (u64)NBLK << 21) != (u64)NBLK << 21);
		T(MAP2M_ONE, NBLK, for (u32 i = 0; i < NBLK; i++)
			bad += map_range(&t, IOVA0 + ((u64)i << 21), PA0 + ((u64)i << 21), 1 << 21, 1) != 0);
		T(UNMAP2M_ONE, NBLK, for (u32 i = 0; i < NBLK; i++)
			bad += unmap_range(&t, IOVA0 + ((u64)i << 21), 1 << 21) != 1 << 21);
		unmap_range(&t, 0, 1ull << 48);

		bad += map_range(&t, IOVA0, PA0, (u64)NBIG << 12, 0) != 0;
		sum_big = 0;
		T(WALK_RAND_4G, NBIG, for (u32 i = 0; i < NBIG; i++) sum_big += walk(&t, IOVA0 + ((u64)big[i] << 12)));
		unmap_range(&t, 0, 1ull << 48);
		bad += a.live != 1;
	}

	printf("{\"bench\":\"radix-native\",\"reps\":%d,\"bad\":%" PRIu64 ",\"ns\":{", reps, bad);
	for (int w = 0; w < NW; w++) {
		qsort(res[w], reps, sizeof(double), cmp);
		printf("%s\"%s\":%.3f", w ? "," : "", wname[w], res[w][reps / 2]);
	}
	printf("},\"min\":{");
	for (int w = 0; w < NW; w++)
		printf("%s\"%s\":%.3f", w ? "," : "", wname[w], res[w][0]);
	printf("},\"sum\":{\"walk_seq\":\"%" PRIx64 "\",\"walk_rand\":\"%" PRIx64 "\",\"walk_rand_4g\":\"%" PRIx64
	       "\",\"walk_2m_rand\":\"%" PRIx64 "\",\"tlb\":\"%" PRIx64 "\"}}\n",
	       sum_walk, sum_rand, sum_big, sum_2m, sum_tlb);
	return bad ? 1 : 0;
}
