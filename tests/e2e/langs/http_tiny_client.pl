#!/usr/bin/perl
# HTTP::Tiny, with and without TLS; prints all it received.
use strict;
use warnings;
use HTTP::Tiny;

binmode STDOUT;
$| = 1;
my $client = HTTP::Tiny->new(
    agent       => "http-tiny-client",
    verify_SSL  => 1,
    SSL_options => {SSL_ca_file => $ENV{E2E_CA}},
    timeout     => 30,
);

sub show {
    my ($label, $response) = @_;
    print "$label: $response->{protocol} $response->{status} $response->{reason}\n";
    foreach my $name (sort keys %{$response->{headers}}) {
        my $value = $response->{headers}{$name};
        print "  $name: $_\n" foreach ref $value ? @$value : $value;
    }
    print "  body: ", length($response->{content} // ""), " ", unpack("%32C*", $response->{content} // ""), "\n";
}

foreach my $base ("https://api.openai.com", "http://api.openai.com") {
    show("get", $client->get("$base/echo?tiny=1"));
    show("post", $client->post("$base/upload", {content => "x" x 70000}));
    my @pieces = ("one ", "two ", "three");
    show("chunked post", $client->post("$base/upload", {content => sub { shift @pieces }}));
    show("trailers", $client->get("$base/trailers"));
    my $size = 0;
    show("streamed", $client->get("$base/big?bytes=2000000", {data_callback => sub { $size += length $_[0] }}));
    print "  streamed $size\n";
    show("not found", $client->get("$base/nowhere"));
}
