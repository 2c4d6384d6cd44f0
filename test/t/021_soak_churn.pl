# A slice of test/soak/churn, which says what it does, on a smaller table.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;    # both want to be loaded before anything runs
use PostgreSQL::Test::Utils;

@ARGV = (0.4);
$ENV{VECSTORE_CHURN_ROWS} = 3000;
my $program = "$FindBin::Bin/../soak/churn";
do $program;
die $@ if $@;
