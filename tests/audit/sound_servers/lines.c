// SPDX-License-Identifier: GPL-2.0-or-later
// A line server by poll, for up to 1000 clients, each of which has four seconds for a line: PORT
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct pollfd polled[1001];
static time_t since[1001]; // the last whole line
static int count = 1;

static void drop(int i) {
    close(polled[i].fd);
    polled[i] = polled[--count];
    since[i] = since[count];
}

static int serve(int i) { // 0, or -1 if the client has to go
    char text[4096];
    ssize_t size = recv(polled[i].fd, text, sizeof text, 0);
    for (ssize_t at = 0; at < size; at++)
        if (text[at] == '\n') {
            since[i] = time(NULL);
            if (send(polled[i].fd, "OK\n", 3, MSG_NOSIGNAL) != 3)
                return -1; // it does not read
        }
    return size > 0 ? 0 : -1;
}

int main(int argc, char **argv) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 128))
        return 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    polled[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    for (;;) {
        polled[0].events = count <= 1000 ? POLLIN : 0;
        poll(polled, count, 1000);
        for (int i = count - 1; i > 0; i--)
            if ((polled[i].revents && serve(i)) || time(NULL) - since[i] > 4)
                drop(i);
        while (count <= 1000 && (fd = accept(polled[0].fd, NULL, NULL)) >= 0) {
            fcntl(fd, F_SETFL, O_NONBLOCK);
            since[count] = time(NULL);
            polled[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
    }
}
