// SPDX-License-Identifier: GPL-2.0-or-later
// A line server for up to 1000 clients; who says nothing for four seconds has to go: server PORT
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct pollfd polled[1001];
static time_t last[1001]; // heard of each
static int count = 1;

static void drop(int i) {
    close(polled[i].fd);
    polled[i] = polled[--count];
    last[i] = last[count];
}

int main(int argc, char **argv) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    char text[4096];
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 128))
        return 1;
    polled[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    for (;;) {
        poll(polled, count, 1000);
        if (polled[0].revents && count <= 1000 && (fd = accept(polled[0].fd, 0, 0)) >= 0) {
            fcntl(fd, F_SETFL, O_NONBLOCK);
            last[count] = time(NULL);
            polled[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
        for (int i = count - 1; i > 0; i--) {
            ssize_t size = polled[i].revents ? recv(polled[i].fd, text, sizeof text, 0) : -2;
            if (size >= 0)
                last[i] = time(NULL);
            if (size == -1 || time(NULL) - last[i] > 4)
                drop(i);
            else if (size > 0 && memchr(text, '\n', size))
                send(polled[i].fd, "OK\n", 3, MSG_NOSIGNAL);
        }
    }
}
