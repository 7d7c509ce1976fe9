/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IOASIS_PRELOAD_H
#define IOASIS_PRELOAD_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire.h"

/* channel.c */

/*
 * A value, or -1 with errno set as the kernel would; EIO when the server is gone. request->new_fd is the new file afterwards, or closed.
 */
int64_t ioasis_call(struct ioasis_request *request, const char *path);
/* A stream socket that will be a file, or -1. */
int ioasis_new_socket(bool close_on_exec);
/* Whether pages of this process were pinned when the server last answered. */
bool ioasis_has_pins(void);

/* descriptors.c */

/* Inode of the socket behind one of our descriptors, or 0: it is none of ours. Keeps errno. */
uint64_t ioasis_file_of(int fd);
/* Inode of the socket behind a descriptor, or 0. Keeps errno. */
uint64_t ioasis_socket_inode(int fd);

/* paths.c */

/* Folder of this run, from the environment; NULL: the library was loaded by accident. */
const char *ioasis_folder(void);
/* Whether a path, seen from a folder's descriptor, is a device file of the model. The canonical path goes to `canonical`. */
bool ioasis_device_path(int folder_fd, const char *path, char *canonical, size_t bytes);
/* The path to use instead: of the run's copy of /sys and /dev, or `path` itself. */
const char *ioasis_shadow_path(int folder_fd, const char *path, char *buffer, size_t bytes);

#define IOASIS_PATH_BYTES 4096

/* Declares `shadow`, the path to use instead of `path`. */
#define SHADOW(folder_fd, path)                \
	char shadow_buffer[IOASIS_PATH_BYTES]; \
	const char *shadow = ioasis_shadow_path(folder_fd, path, shadow_buffer, sizeof(shadow_buffer))

/* The function of this name behind ours, looked up once. */
#define NEXT(name)                                                         \
	({                                                                 \
		static __typeof__(&name) next;                             \
		if (next == NULL)                                          \
			next = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
		next;                                                      \
	})

#endif
