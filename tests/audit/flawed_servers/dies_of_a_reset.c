// SPDX-License-Identifier: GPL-2.0-or-later
// A small web server, with a thread for each client: server PORT
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char head[] = "HTTP/1.1 %s\r\nContent-Length: 6\r\nConnection: close\r\n\r\n";

static void *serve(void *word) {
    struct timeval limit = {.tv_sec = 4};
    time_t end = time(NULL) + 4;
    char request[8192] = "";
    size_t have = 0;
    ssize_t count = 1;
    int fd = (int)(long)word;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (!strstr(request, "\r\n\r\n") && have < sizeof request - 1 && count > 0 &&
           time(NULL) <= end)
        if ((count = recv(fd, request + have, sizeof request - 1 - have, 0)) > 0)
            have += count;
    dprintf(fd, head, strstr(request, "\r\n\r\n") ? "200 OK" : "400 Bad Request");
    usleep(20000); // looks up what to say
    dprintf(fd, "hello\n");
    close(fd);
    return NULL;
}

int main(int argc, char **argv) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 128))
        return perror("server"), 1;
    for (;;) {
        pthread_t thread;
        long fd = accept(listener, NULL, NULL);
        if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)fd) == 0)
            pthread_detach(thread);
    }
}
