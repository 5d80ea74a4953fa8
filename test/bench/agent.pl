#!/usr/bin/perl
# The agent of the benchmark: small, so that what is measured is the server. Its prompt is one of
#   once                    one line
#   lines COUNT WIDTH       so many lines of so many bytes each, as fast as they are taken
#   messages COUNT WIDTH    the same, as messages of codex
#   rate PER_SECOND SECONDS lines with the time at which each was written
#   silent SECONDS          one line, then nothing
# Every line begins with its number, in eight digits, or has it as its first member.
use strict;
use warnings;

sub put {
  my ($text) = @_;
  my $at = 0;
  while ($at < length $text) {
    my $written = syswrite STDOUT, $text, length($text) - $at, $at;
    exit 1 unless defined $written;
    $at += $written;
  }
}

my $message = '","type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"';

my ($what, $count, $extent) = split ' ', scalar <STDIN>;
if ($what eq 'once') {
  put("00000001 here\n");
} elsif ($what eq 'lines' || $what eq 'messages') {
  my ($head, $tail) = $what eq 'lines' ? ('', ' ') : ('{"n":"', $message);
  my $end = $what eq 'lines' ? "\n" : "\"}}\n";
  my $fill = $tail . 'x' x ($extent - 8 - length "$head$tail$end") . $end;
  my $text = '';
  for my $number (1 .. $count) {
    $text .= sprintf('%s%08d', $head, $number);
    if ($extent > 65536) {
      # Not copied once more: what is measured is the server.
      put($text);
      put($fill);
      $text = '';
      next;
    }
    $text .= $fill;
    next if length $text < 65536 && $number < $count;
    put($text);
    $text = '';
  }
} elsif ($what eq 'rate') {
  require Time::HiRes;
  my $began = Time::HiRes::time();
  my $number = 0;
  while ($number < $count * $extent) {
    my $now = Time::HiRes::time();
    my $due = int(($now - $began) * $count);
    my $text = '';
    $text .= sprintf("%08d %.6f\n", ++$number, $now) while $number < $due && $number < $count * $extent;
    put($text) if $text ne '';
    Time::HiRes::sleep(0.005);
  }
} elsif ($what eq 'silent') {
  put("00000001 here\n");
  sleep $count;
}
