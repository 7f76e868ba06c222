// SPDX-License-Identifier: GPL-2.0-or-later
// Asks a line server, and waits five seconds at most: ask SERVER PORT
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct timespec began;

static int wait_for(int fd, short what) { // 0, or -1 with errno
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long left = 5000 - (now.tv_sec - began.tv_sec) * 1000 - (now.tv_nsec - began.tv_nsec) / 1000000;
    struct pollfd one = {.fd = fd, .events = what};
    int ready = left > 0 ? poll(&one, 1, left) : 0;
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0 ? 0 : -1;
}

static int ask(int fd, const struct addrinfo *to, char *reply, size_t room) {
    size_t have = 0;
    int error = 0;
    socklen_t size = sizeof error;
    if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
        return -1;
    if (wait_for(fd, POLLOUT) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
        return -1;
    if (error)
        return errno = error, -1;
    if (send(fd, "STATUS\n", 7, MSG_NOSIGNAL) != 7)
        return -1;
    while (have < room && !memchr(reply, '\n', have)) {
        if (wait_for(fd, POLLIN))
            return -1;
        ssize_t count = recv(fd, reply + have, room - have, 0);
        if (count == 0)
            errno = ECONNRESET; // it closed in the middle
        if (count <= 0)
            return -1;
        have += count;
    }
    return 0;
}

int main(int argc, char **argv) {
    static char reply[4096];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    clock_gettime(CLOCK_MONOTONIC, &began);
    if (argc < 3 || getaddrinfo(argv[1], argv[2], &hints, &found))
        return fprintf(stderr, "ask: no such server\n"), 2;
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (fd < 0 || ask(fd, found, reply, sizeof reply - 1))
        return perror("ask"), 1;
    return printf("%s", reply) < 0;
}
