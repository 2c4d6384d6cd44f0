#!/usr/bin/perl
#
# demo/packages.pl APT-CONFIG-FILE > packages.tsv
#
# Every Debian package that apt knows, one a line, in the form COPY reads:
# name, version, section, installed size in bytes, homepage, tags, one-line
# summary, long description.  Of several versions of a package the newest.
#
# "apt-cache dumpavail" has all but the long descriptions.  They stand in
# apt's Translation-en files and are joined by the MD5 sum of the description.

use strict;
use warnings;
use Dpkg::Version qw(version_compare);

my ($apt_config) = @ARGV or die "usage: demo/packages.pl APT-CONFIG-FILE\n";

# Run a command and call $each with every stanza of what it prints, as a hash
# from the field's name in lower case to its text.
sub stanzas
{
	my ($each, @command) = @_;

	open(my $in, '-|', @command) or die "cannot run $command[0]: $!\n";
	local $/ = '';
	while (my $paragraph = <$in>)
	{
		my %field;
		$field{ lc $1 } = $2 while $paragraph =~ /^([^\s:]+):[ ]?(.*(?:\n[ \t].*)*)/mg;
		$each->(\%field);
	}
	close($in) or die "$command[0] failed\n";
	return;
}

# The long description as paragraphs: Debian indents it by a blank, and marks
# an empty line with a dot (Debian policy, section 5.6.13).
sub unindent
{
	my ($text) = @_;

	$text =~ s/^[ ]\.[ \t]*$//mg;
	$text =~ s/^[ ]//mg;
	$text =~ s/\s+\z//;
	return $text;
}

# A value as COPY's text format writes it.
sub copy_value
{
	my ($value) = @_;

	return '\N' if !defined $value || $value eq '';
	$value =~ s/\\/\\\\/g;
	$value =~ s/\t/\\t/g;
	$value =~ s/\n/\\n/g;
	$value =~ s/\r/\\r/g;
	return $value;
}

my %long;
open(my $files, '-|', 'apt-get', '-c', $apt_config, 'indextargets',
	'--format', '$(FILENAME)', 'Created-By: Translations')
  or die "cannot run apt-get: $!\n";
while (my $file = <$files>)
{
	chomp $file;
	stanzas(sub {
		my ($f) = @_;
		my $md5 = $f->{'description-md5'};
		my $text = $f->{'description-en'};
		return unless defined $md5 && defined $text && $text =~ s/^[^\n]*\n//;
		$long{$md5} = unindent($text);
	}, '/usr/lib/apt/apt-helper', 'cat-file', $file);
}
close($files);

my %package;
stanzas(sub {
	my ($f) = @_;
	my $old = $package{ $f->{package} // return };
	return if $old && version_compare($f->{version}, $old->{version}) <= 0;
	$package{ $f->{package} } = { map { $_ => $f->{$_} }
		qw(version section installed-size homepage tag description description-md5) };
}, 'apt-cache', '-c', $apt_config, 'dumpavail');

for my $name (sort keys %package)
{
	my $f = $package{$name};
	my ($summary, $text) = split /\n/, $f->{description} // '', 2;
	my $tags = ($f->{tag} // '') =~ s/\s+/ /gr;
	my $size = $f->{'installed-size'};

	$text = defined $text ? unindent($text) : $long{ $f->{'description-md5'} // '' };
	print join("\t", map { copy_value($_) }
		$name, $f->{version}, $f->{section}, defined $size ? $size * 1024 : undef,
		$f->{homepage}, $tags, $summary, $text), "\n";
}
