<?php
$phoebe = [
    "first_name" => "Phoebe",
    "last_name" => "Buffay",
    "email" => "phoebe@example.com",
    "invited_by_email" => "mike@example.com",
];
$headers = ["Http-X-Partner-Auth: example_site:e179017a-62b0-4996-8a38-e91aa9f1"];

$client = curl_init("https://app.periscopedata.com/api/v1/users");
curl_setopt($client, CURLOPT_RETURNTRANSFER, true);
if ($argv[1] === "create") {
    $headers[] = "Content-Type: application/json";
    curl_setopt($client, CURLOPT_POSTFIELDS, json_encode($phoebe));
}
curl_setopt($client, CURLOPT_HTTPHEADER, $headers);
$body = curl_exec($client);
if ($body === false) {
    fwrite(STDERR, "no response: " . curl_error($client) . "\n");
    exit(1);
}
echo curl_getinfo($client, CURLINFO_RESPONSE_CODE), " ", $body;
