/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the preload library and the server of `ioasis run` say to each other over a stream socket, in the machine's byte order. The same
 * numbers are in src/wire.ts.
 */
#ifndef IOASIS_WIRE_H
#define IOASIS_WIRE_H

#include <stdint.h>

#define IOASIS_TOKEN_BYTES 32
#define IOASIS_NONCE_BYTES 16

enum ioasis_connection { IOASIS_CONTROL = 1, IOASIS_FILE = 2 };

/*
 * First on every connection. `ino` is the inode of the connecting socket, by which a descriptor is known from then on. The server answers with
 * IOASIS_NONCE_BYTES random bytes; the process puts them at the address `nonce_at` and sends one byte, so that the server finds them in its memory.
 */
struct ioasis_hello {
	char token[IOASIS_TOKEN_BYTES];
	uint32_t kind;
	int32_t pid;
	uint64_t ino;
	uint64_t nonce_at;
};

enum ioasis_op {
	IOASIS_OPEN = 1,  /* a: flags; the path follows */
	IOASIS_IOCTL = 2, /* a: request, b: argument */
	IOASIS_READ = 3,  /* a: address, b: bytes */
	IOASIS_WRITE = 4,
	IOASIS_PREAD = 5, /* c: offset */
	IOASIS_PWRITE = 6,
	IOASIS_FORGET = 7, /* a: address, b: bytes: the program is about to change what is mapped there */
	IOASIS_STATUS = 8, /* value: the file's device number, major << 20 | minor; 0: it has none */
	IOASIS_MOVED = 9,  /* a: address, b: bytes, c: new address: the program has moved what is mapped there */
};

struct ioasis_request {
	uint32_t op;
	uint32_t path_bytes;
	int32_t fd;
	int32_t new_fd; /* a socket, not connected yet, for a file that the call may make; -1: the table is full */
	uint64_t ino;	/* of the socket behind fd; for IOASIS_OPEN unused */
	uint64_t new_ino;
	uint64_t a;
	uint64_t b;
	uint64_t c;
	int32_t task; /* the calling thread */
	int32_t reserved;
};

enum ioasis_flag {
	IOASIS_NEW_FILE = 1, /* new_fd is in use: connect it */
	IOASIS_DRAIN = 2,    /* fd is not readable any more: take the byte that said so */
	IOASIS_PINNED = 4,   /* pages of this process are pinned: tell of changes */
};

/* Answer: a value, or a negative errno. The numbers of the eventfds to signal follow, each 4 bytes. */
struct ioasis_reply {
	int64_t value;
	uint32_t flags;
	uint32_t signals;
};

#endif
