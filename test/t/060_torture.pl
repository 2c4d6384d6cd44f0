# A slice of test/soak/torture, which says what it does.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;    # both want to be loaded before anything runs
use PostgreSQL::Test::Utils;

@ARGV = (50);
my $program = "$FindBin::Bin/../soak/torture";
do $program;
die $@ if $@;
