#!/usr/bin/perl
# Usage: extract.pl FOLDER SHA256... prints "PARSER<tab>FILE" for each mail in FOLDER from which MIME-tools gets a part with one of
# the digests, line ends behind it aside.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use MIME::Parser;

my ( $folder, @digests ) = @ARGV;
my %wanted = map { $_ => 1 } @digests;

sub found {
    my $content = shift;
    while (1) {
        return 1 if $wanted{ sha256_hex($content) };
        return 0 unless $content =~ s/[\r\n]\z//;
    }
}

opendir my $dir, $folder or die "$folder: $!";
for my $file ( sort grep { /\.eml\z/ } readdir $dir ) {
    eval {
        my $parser = MIME::Parser->new;
        $parser->output_to_core(1);
        $parser->tmp_to_core(1);
        $parser->extract_uuencode(1);
        local $SIG{__WARN__} = sub { };
        my $mail = $parser->parse_open("$folder/$file");
        for my $part ( $mail->parts_DFS ) {
            if ( $part->bodyhandle && found( $part->bodyhandle->as_string ) ) {
                print "mime-tools\t$file\n";
                last;
            }
        }
    };    # a mail that the parser refuses is one from which it extracts nothing
}
