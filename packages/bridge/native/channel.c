/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of this process to the server. One call at a time; a forked child makes its own. */
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Highest number that the connection may take, so that programs get the low ones as usual. */
#define HIGHEST 4000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int control = -1;
static uint64_t control_ino;
static pid_t owner;
static bool pinned;

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

static bool send_all(int fd, const void *bytes, size_t count)
{
	const char *at = bytes;
	while (count > 0) {
		ssize_t sent = send(fd, at, count, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		count -= (size_t)sent;
	}
	return true;
}

static bool receive_all(int fd, void *bytes, size_t count)
{
	char *at = bytes;
	while (count > 0) {
		ssize_t received = recv(fd, at, count, 0);
		if (received < 0 && errno == EINTR)
			continue;
		if (received <= 0)
			return false;
		at += received;
		count -= (size_t)received;
	}
	return true;
}

static bool greet(int fd, enum ioasis_connection kind, uint64_t ino)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char nonce[IOASIS_NONCE_BYTES];
	struct ioasis_hello hello = {.kind = kind, .pid = getpid(), .ino = ino, .nonce_at = (uintptr_t)nonce};
	const char *token = getenv("IOASIS_TOKEN");
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", ioasis_folder());

	if (token == NULL || strlen(token) != IOASIS_TOKEN_BYTES || length >= (int)sizeof(address.sun_path))
		return false;
	memcpy(hello.token, token, IOASIS_TOKEN_BYTES);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		if (errno != EINTR)
			return false;
	return send_all(fd, &hello, sizeof(hello)) && receive_all(fd, nonce, sizeof(nonce)) && send_all(fd, nonce, 1);
}

int ioasis_new_socket(bool close_on_exec)
{
	return socket(AF_UNIX, SOCK_STREAM | (close_on_exec ? SOCK_CLOEXEC : 0), 0);
}

/* Makes a socket the file that the server keeps for it. */
static bool attach(int fd, uint64_t ino)
{
	char byte;

	/* The server's byte: the socket is a file from here on, also if this process ends at once. */
	return greet(fd, IOASIS_FILE, ino) && receive_all(fd, &byte, 1);
}

static int high_number(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > HIGHEST)
		return HIGHEST;
	return limit.rlim_cur > 32 ? (int)limit.rlim_cur - 16 : 0;
}

/* The program may have closed our number, or the process may be a fork: then it is not ours any more. */
static bool is_usable(void)
{
	return control >= 0 && owner == getpid() && ioasis_socket_inode(control) == control_ino;
}

static bool connect_control(void)
{
	struct ioasis_reply reply;
	int low;

	if (control >= 0 && owner != getpid() && ioasis_socket_inode(control) == control_ino)
		syscall(SYS_close, control);
	control = -1;
	pinned = false;
	low = ioasis_new_socket(true);
	if (low < 0)
		return false;
	control = fcntl(low, F_DUPFD_CLOEXEC, high_number());
	if (control < 0)
		control = low;
	else
		syscall(SYS_close, low);
	owner = getpid();
	control_ino = ioasis_socket_inode(control);
	if (greet(control, IOASIS_CONTROL, control_ino) && receive_all(control, &reply, sizeof(reply)) && reply.value == 0)
		return true;
	syscall(SYS_close, control);
	control = -1;
	return false;
}

/* Signals are part of what the call did: the program finds its eventfds ready when the call returns. */
static bool deliver(const struct ioasis_reply *reply)
{
	const uint64_t one = 1;
	for (uint32_t at = 0; at < reply->signals; at++) {
		int32_t fd;
		if (!receive_all(control, &fd, sizeof(fd)))
			return false;
		/* A full counter would block; so does the kernel's signal not. */
		if (syscall(SYS_write, fd, &one, sizeof(one)) < 0)
			continue;
	}
	return true;
}

static bool transact(struct ioasis_request *request, const char *path, struct ioasis_reply *reply)
{
	if (!is_usable() && !connect_control())
		return false;
	if (!send_all(control, request, sizeof(*request)))
		return false;
	if (request->path_bytes > 0 && !send_all(control, path, request->path_bytes))
		return false;
	return receive_all(control, reply, sizeof(*reply)) && deliver(reply);
}

int64_t ioasis_call(struct ioasis_request *request, const char *path)
{
	struct ioasis_reply reply;
	bool answered;
	char byte;

	pthread_once(&once, watch_forks);
	request->task = (int32_t)syscall(SYS_gettid);
	request->path_bytes = path == NULL ? 0 : (uint32_t)strlen(path);
	pthread_mutex_lock(&lock);
	answered = transact(request, path, &reply);
	if (answered)
		pinned = (reply.flags & IOASIS_PINNED) != 0;
	pthread_mutex_unlock(&lock);
	if (!answered)
		reply = (struct ioasis_reply){.value = -EIO};
	if (reply.flags & IOASIS_DRAIN)
		recv(request->fd, &byte, 1, MSG_DONTWAIT);
	if ((reply.flags & IOASIS_NEW_FILE) && !attach(request->new_fd, request->new_ino))
		reply = (struct ioasis_reply){.value = -EIO};
	if ((reply.flags & IOASIS_NEW_FILE) == 0 && request->new_fd >= 0)
		syscall(SYS_close, request->new_fd);
	if (reply.value >= 0)
		return reply.value;
	errno = (int)-reply.value;
	return -1;
}

bool ioasis_has_pins(void)
{
	return pinned && owner == getpid();
}
