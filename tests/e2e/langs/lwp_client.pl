#!/usr/bin/perl
# LWP over IO::Socket::SSL: GET, POST, chunked, gzip, redirect; prints all it received.
use strict;
use warnings;
use HTTP::Request;
use LWP::UserAgent;

binmode STDOUT;
$| = 1;
my $agent = LWP::UserAgent->new(
    keep_alive => 4,
    timeout    => 30,
    ssl_opts   => {verify_hostname => 1, SSL_ca_file => $ENV{E2E_CA}},
);
$agent->agent("lwp-client");

sub show {
    my ($label, $response) = @_;
    print "$label: ", $response->protocol, " ", $response->status_line, "\n";
    # The order of the fields is the client library's; how the socket was set up is not content.
    foreach my $name (sort $response->headers->header_field_names) {
        next if $name =~ /^(Client-|Set-Cookie)/;
        print "  $name: $_\n" foreach $response->header($name);
    }
    my $body = $response->content;
    print "  body: ", length($body), " ", unpack("%32C*", $body), "\n";
    print $body, "\n" if length($body) < 4000;
}

foreach my $base ("https://api.openai.com", "http://api.openai.com") {
    show("get", $agent->get("$base/echo?x=1"));
    show("post", $agent->post("$base/upload", Content_Type => "text/plain", Content => "post " x 9000));
    show("form", $agent->post("$base/echo", [name => "value", other => "a b&c"]));
    show("multipart", $agent->post("$base/multipart", Content_Type => "form-data",
            Content => [field => "value", file => [undef, "a.txt", Content => "file content"]]));
    show("chunked", $agent->get("$base/chunked?n=4&size=700"));
    show("gzip", $agent->get("$base/gzip", "Accept-Encoding" => "gzip"));
    show("big", $agent->get("$base/big?bytes=3000000"));
    show("head", $agent->head("$base/head"));
    show("error", $agent->get("$base/status/503"));
    show("until close", $agent->get("$base/until-close"));
    show("delete", $agent->request(HTTP::Request->new(DELETE => "$base/204")));
}
