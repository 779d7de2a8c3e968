#!/usr/bin/perl
# What waits in the warm pool for a custom runtime: tells the host that it is there, takes the
# environment, and becomes the function's bootstrap. Perl, because every Debian and Ubuntu has
# perl-base, it starts in 5 ms, and a shell cannot listen on a socket. Protocol: guest/README.md.
use strict;
use warnings;
use Socket qw(AF_UNIX SOCK_STREAM pack_sockaddr_un);

use constant {LAUNCH => 3, READY => 16, INIT_ERROR => 18};

my $run_directory = $ENV{HEARTH_RUN_DIRECTORY} // '/run/hearth';
my $task_root     = $ENV{HEARTH_TASK_ROOT}     // '/var/task';
my $opt_root      = $ENV{HEARTH_OPT_ROOT}      // '/opt';

my $host = accept_once("$run_directory/guest.sock");
send_frame(READY, '{"runtimeVersion":"provided"}');
my ($type, $entries) = receive_frame();
exit 1 if $type != LAUNCH;
%ENV = map { split /=/, $_, 2 } split /\0/, $entries;
chdir $task_root or exit 1;
become_bootstrap("$task_root/bootstrap", "$opt_root/bootstrap");

sub accept_once {
    my ($path) = @_;
    my ($server, $connection);
    socket($server, AF_UNIX, SOCK_STREAM, 0)
        && bind($server, pack_sockaddr_un($path))
        && listen($server, 1)
        && accept($connection, $server)
        or die "Cannot listen on $path: $!\n";
    unlink $path;
    return $connection;    # closed by exec, as every descriptor above 2: so the host sees the launch
}

sub send_frame {
    my ($type, $payload) = @_;
    syswrite $host, pack('N C a*', 1 + length $payload, $type, $payload);
}

sub receive_frame {
    my $length = unpack 'N', receive(4);
    return unpack 'C a*', receive($length);
}

sub receive {
    my ($wanted) = @_;
    my $bytes = '';
    while (length $bytes < $wanted) {
        sysread $host, $bytes, $wanted - length $bytes, length $bytes or exit 1;
    }
    return $bytes;
}

sub become_bootstrap {
    my @paths = @_;
    for my $path (@paths) {
        next unless -f $path && -x _;
        my @interpreter = interpreter_of($path);
        no warnings 'exec';    # a failure goes to the host, not into the function's log
        exec {$interpreter[0]} @interpreter[1 .. $#interpreter] if @interpreter;
        fail("fork/exec $path: " . (@interpreter ? lcfirst $! : 'exec format error'));
    }
    fail("Couldn't find valid bootstrap(s): [@paths]");
}

# Program and arguments, the zeroth first. /bin/sh is bash here, as on Amazon Linux: AWS's own
# tutorial is a /bin/sh script that needs `source` and `pipefail`, which dash has not. What is
# neither script nor program of this machine is refused: execvp would feed it to a shell.
sub interpreter_of {
    my ($path) = @_;
    my $head = head_of($path);
    if ($head =~ m{^#![ \t]*/bin/sh(?:[ \t]+([^\n]*?))?[ \t\r]*\n} && -x '/bin/bash') {
        return ('/bin/bash', 'sh', (length($1 // '') ? $1 : ()), $path);
    }
    return ($path, $path) if $head =~ /^#!/;
    my $own = head_of('/proc/self/exe');
    return if length $head < 20 || substr($head, 0, 4) ne "\x7fELF";
    return ($path, $path) if substr($head, 18, 2) eq substr($own, 18, 2);
    return;
}

sub head_of {
    my ($path) = @_;
    my $head;
    open my $file, '<:raw', $path or return '';
    read $file, $head, 256;
    return $head;
}

sub fail {
    my ($message) = @_;
    $message =~ s/(["\\])/\\$1/g;
    send_frame(INIT_ERROR, qq({"errorType":"Runtime.InvalidEntrypoint","errorMessage":"$message"}));
    exit 1;
}
