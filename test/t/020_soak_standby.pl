# A slice of test/soak/standby, which says what it does.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;    # both want to be loaded before anything runs
use PostgreSQL::Test::Utils;

@ARGV = (0.5);
my $program = "$FindBin::Bin/../soak/standby";
do $program;
die $@ if $@;
