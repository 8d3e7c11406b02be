# The peer of case C; Varnish streams what it fetches to all who wait.
vcl 4.1;

backend origin { .host = "127.0.0.1"; .port = "@ORIGIN@"; }

sub vcl_recv {
    if (req.url == "/healthz") { return (synth(200)); }
    unset req.http.Authorization;
    return (hash);
}
