#!/usr/bin/perl
# The first process of a sandbox whose function has extensions: starts the runtime (its own argument
# list) and each extension when the host says so, tells their ends, hands on what extensions print,
# passes signals on. Decides nothing. Perl, because every Debian and Ubuntu has perl-base and it
# starts in 5 ms. Protocol: guest/README.md.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use Fcntl qw(F_SETFD);
use IO::Handle;
use POSIX qw(:sys_wait_h _exit);
use Socket qw(AF_UNIX SOCK_STREAM pack_sockaddr_un);

use constant {READY => 16, START => 40, SIGNAL => 41, EXITED => 42, OUTPUT => 43, ADMIT => 44};
use constant {BY_CODE => 0, BY_SIGNAL => 1, NOT_STARTED => 2};
use constant {RUNTIME => 0, READ_BYTES => 65536, LAST_READS_MAX => 16};

my @runtime       = @ARGV;
my $run_directory = $ENV{HEARTH_RUN_DIRECTORY} // '/run/hearth';
my %pid_of;      # program -> process
my %output_of;   # extension -> our end of its pipe
my $guest;       # a connection of the host for a runtime that will not listen itself
my $incoming = '';
my $outgoing = '';

$SIG{PIPE} = 'IGNORE';
pipe my $woken, my $waker or die "Cannot make a pipe: $!\n";
$_->blocking(0) for $woken, $waker;
$SIG{CHLD} = sub { syswrite $waker, '.' };
my $host = accept_once("$run_directory/guest.sock");
$host->blocking(0);
send_frame(READY, '');
serve() while 1;

sub accept_once {
    my ($path) = @_;
    my ($server, $connection);
    socket($server, AF_UNIX, SOCK_STREAM, 0)
        && bind($server, pack_sockaddr_un($path))
        && listen($server, 1)
        && accept($connection, $server)
        or die "Cannot listen on $path: $!\n";
    unlink $path;    # who listens next does so at the same path
    return $connection;
}

# Waits for whatever comes first. While the host does not take what it is sent, nothing more is read
# from extensions: they wait, as on a full pipe.
sub serve {
    my ($readable, $writable) = ('', '');
    vec($readable, fileno $_, 1) = 1 for $host, $woken;
    if ($outgoing eq '') { vec($readable, fileno $_, 1) = 1 for values %output_of }
    else                 { vec($writable, fileno $host, 1) = 1 }
    return if select($readable, $writable, undef, undef) < 0;
    flush_outgoing() if $outgoing ne '';
    for my $program (keys %output_of) {
        hand_on($program) if vec $readable, fileno $output_of{$program}, 1;
    }
    reap()    if vec $readable, fileno $woken, 1;
    receive() if vec $readable, fileno $host,  1;
}

sub receive {
    my $count = sysread $host, $incoming, READ_BYTES, length $incoming;
    return if !defined $count && ($! == EAGAIN || $! == EINTR);
    leave() unless $count;
    while (length $incoming >= 5) {
        my ($length, $type) = unpack 'N C', $incoming;
        last if length $incoming < 4 + $length;
        my $payload = substr $incoming, 5, $length - 1;
        substr $incoming, 0, 4 + $length, '';
        if    ($type == START)  { start($payload) }
        elsif ($type == SIGNAL) { pass_on(unpack 'C C', $payload) }
        elsif ($type == ADMIT)  { $guest = accept_once("$run_directory/guest.sock") }
    }
}

# The host is gone: so is everything here.
sub leave {
    kill 'KILL', values %pid_of;
    _exit(0);
}

sub start {
    my ($program, $count, $rest) = unpack 'C n a*', shift;
    my @words = split /\0/, $rest, -1;
    pop @words;
    my @argv        = splice @words, 0, $count;
    my %environment = @words ? (map { split /=/, $_, 2 } @words) : %ENV;
    my ($output, $output_end);
    if ($program == RUNTIME) { push @argv, @runtime }
    else {
        pipe $output, $output_end or return send_frame(EXITED, pack 'C3', $program, NOT_STARTED, $!);
    }
    pipe my $told, my $teller or return send_frame(EXITED, pack 'C3', $program, NOT_STARTED, $!);
    my $pid = fork;
    if (defined $pid && $pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(PIPE CHLD);
        open STDOUT, '>&', $output_end if $output_end;
        open STDERR, '>&', $output_end if $output_end;
        %ENV = %environment;
        if ($program == RUNTIME && $guest) {
            fcntl $guest, F_SETFD, 0;
            $ENV{HEARTH_GUEST_DESCRIPTOR} = fileno $guest;
        }
        no warnings 'exec';
        exec {$argv[0]} @argv;
        syswrite $teller, pack 'C', $!;
        _exit(127);
    }
    close $teller;
    undef $guest if $program == RUNTIME;
    my $failure = defined $pid ? '' : pack 'C', $!;
    sysread $told, $failure, 1 if defined $pid;    # ends without a byte when the program runs
    if ($failure ne '') {
        waitpid $pid, 0 if defined $pid;
        return send_frame(EXITED, pack 'C3', $program, NOT_STARTED, unpack 'C', $failure);
    }
    $pid_of{$program} = $pid;
    return unless $output;
    $output->blocking(0);
    $output_of{$program} = $output;
}

sub pass_on {
    my ($program, $signal) = @_;
    kill $signal, $pid_of{$program} if exists $pid_of{$program};
}

# True when there may be more.
sub hand_on {
    my ($program) = @_;
    my $count = sysread $output_of{$program}, my $bytes, READ_BYTES;
    return 0 if !defined $count && ($! == EAGAIN || $! == EINTR);
    if (!$count) { delete $output_of{$program}; return 0 }
    send_frame(OUTPUT, pack 'C a*', $program, $bytes);
    return 1;
}

sub reap {
    sysread $woken, my $ignored, READ_BYTES;
    for my $program (keys %pid_of) {
        next unless waitpid($pid_of{$program}, WNOHANG) > 0;
        my $status = $?;
        delete $pid_of{$program};
        for (1 .. LAST_READS_MAX) { last unless exists $output_of{$program} && hand_on($program) }
        my @end = $status & 127 ? (BY_SIGNAL, $status & 127) : (BY_CODE, $status >> 8);
        send_frame(EXITED, pack 'C3', $program, @end);
    }
}

sub send_frame {
    my ($type, $payload) = @_;
    $outgoing .= pack 'N C a*', 1 + length $payload, $type, $payload;
    flush_outgoing();
}

sub flush_outgoing {
    my $count = syswrite $host, $outgoing;
    if    (defined $count) { substr $outgoing, 0, $count, '' }
    elsif ($! != EAGAIN && $! != EINTR) { leave() }
}
