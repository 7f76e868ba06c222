#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Asks a line server and prints its reply: perl asks.pl SERVER PORT
use strict;
use warnings;
use IO::Socket::INET;

$SIG{PIPE} = 'IGNORE';    # a write that fails says so
$SIG{ALRM} = sub { die "not done within 5 s\n" };
my ($server, $port) = @ARGV;
my $reply = eval {
    alarm 5;
    my $socket = IO::Socket::INET->new(PeerAddr => $server, PeerPort => $port, Timeout => 3)
        or die "$@\n";
    $socket->autoflush(1);
    print {$socket} "STATUS\n" or die "$!\n";
    my $line = <$socket>;
    alarm 0;
    close $socket;
    $line;
};
die "no reply: ", $@ || "closed\n" unless defined $reply && $reply =~ /\n\z/;
print $reply;
