<?php
// PHP's curl extension (easy and multi) and its https:// and ssl:// streams; prints all it received.
error_reporting(E_ALL);
$ca = getenv("E2E_CA");
$secret = getenv("E2E_SECRET");

function show(string $label, string $head, string $body): void {
    echo "$label\n", preg_replace("/^Set-Cookie:.*\r\n/mi", "", $head);
    echo "  body: ", strlen($body), " ", hash("sha256", $body), "\n";
    if (strlen($body) < 4000) echo $body, "\n";
}

function curl(string $url, array $options = []) {
    global $ca;
    $handle = curl_init($url);
    curl_setopt_array($handle, $options + [
        CURLOPT_RETURNTRANSFER => true, CURLOPT_CAINFO => $ca, CURLOPT_SSL_VERIFYPEER => true,
        CURLOPT_SSL_VERIFYHOST => 2, CURLOPT_TIMEOUT => 30, CURLOPT_HEADER => true,
    ]);
    return $handle;
}

function show_curl(string $label, $handle, $text): void {
    if ($text === false || $text === null) {
        echo "$label failed: ", curl_error($handle), "\n";
        return;
    }
    $size = curl_getinfo($handle, CURLINFO_HEADER_SIZE);
    show($label, substr($text, 0, $size), substr($text, $size));
    echo "  verify: ", curl_getinfo($handle, CURLINFO_SSL_VERIFYRESULT), "\n";
}

function streams(string $base): void {
    global $ca;
    $context = ["ssl" => ["cafile" => $ca, "verify_peer" => true, "verify_peer_name" => true]];
    foreach (["/echo?php=streams", "/chunked?n=3&size=500", "/big?bytes=1500000", "/status/404"] as $path) {
        $http = ["timeout" => 30, "ignore_errors" => true, "protocol_version" => 1.1,
                 "header" => "Connection: close"];
        $body = file_get_contents($base . $path, false, stream_context_create($context + ["http" => $http]));
        show("streams $path", implode("\r\n", $http_response_header) . "\r\n", $body);
    }
    $http = ["method" => "POST", "content" => str_repeat("post ", 5000), "timeout" => 30,
             "header" => "Content-Type: text/plain"];
    $body = file_get_contents("$base/upload", false, stream_context_create($context + ["http" => $http]));
    show("streams post", implode("\r\n", $http_response_header) . "\r\n", $body);
}

foreach (["https://api.openai.com", "http://api.openai.com"] as $base) {
    $handle = curl("$base/echo?php=1");
    show_curl("curl get", $handle, curl_exec($handle));
    curl_setopt($handle, CURLOPT_URL, "$base/gzip");
    curl_setopt($handle, CURLOPT_ENCODING, "");
    show_curl("curl gzip on the same handle", $handle, curl_exec($handle));
    $handle = curl("$base/v1/chat/completions", [
        CURLOPT_HTTPHEADER => ["Content-Type: application/json", "Authorization: Bearer $secret"],
        CURLOPT_POSTFIELDS => '{"model":"gpt-4o","messages":[{"role":"user","content":"Tell me about PHP"}]}']);
    show_curl("curl post", $handle, curl_exec($handle));
    $handle = curl("$base/multipart", [CURLOPT_POSTFIELDS => [
        "field" => "value", "file" => new CURLStringFile("content", "a.txt", "text/plain")]]);
    show_curl("curl multipart", $handle, curl_exec($handle));

    $multi = curl_multi_init();
    $handles = [];
    foreach ([200000, 300000, 400000] as $bytes) {
        $handles[] = $handle = curl("$base/big?bytes=$bytes", [CURLOPT_HEADER => false]);
        curl_multi_add_handle($multi, $handle);
    }
    do {
        curl_multi_exec($multi, $running);
        curl_multi_select($multi, 0.1);
    } while ($running > 0);
    foreach ($handles as $handle) {
        echo "multi: ", hash("sha256", curl_multi_getcontent($handle)), "\n";
    }
    streams($base);
}

$socket = stream_socket_client("ssl://api.openai.com:443", $number, $text, 30, STREAM_CLIENT_CONNECT,
    stream_context_create(["ssl" => ["cafile" => $ca, "peer_name" => "api.openai.com"]]));
fwrite($socket, "GET /echo?socket HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n");
echo stream_get_contents($socket), "\n";
