use strict;
use warnings;
use HTTP::Tiny;

my $url = 'https://app.periscopedata.com/api/v1/users';
my %auth = ('Http-X-Partner-Auth' => 'example_site:e179017a-62b0-4996-8a38-e91aa9f1');
my $phoebe = '{"first_name":"Phoebe","last_name":"Buffay","email":"phoebe@example.com",'
    . '"invited_by_email":"mike@example.com"}';

my $client = HTTP::Tiny->new(verify_SSL => 1);
my $answer = $ARGV[0] eq 'create'
    ? $client->post($url, { headers => { %auth, 'Content-Type' => 'application/json' }, content => $phoebe })
    : $client->get($url, { headers => \%auth });
die "no answer: $answer->{content}" if $answer->{status} == 599;
print "$answer->{status} $answer->{content}";
