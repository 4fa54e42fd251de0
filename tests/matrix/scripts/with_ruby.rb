require "json"
require "net/http"

URL = URI("https://api.periscopedata.com/api/v1/users")
AUTH = { "Http-X-Partner-Auth" => "example_site:e179017a-62b0-4996-8a38-e91aa9f1" }
PHOEBE = {
  first_name: "Phoebe",
  last_name: "Buffay",
  email: "phoebe@example.com",
  invited_by_email: "mike@example.com",
}

begin
  answer =
    if ARGV[0] == "create"
      Net::HTTP.post(URL, JSON.generate(PHOEBE), AUTH.merge("Content-Type" => "application/json"))
    else
      Net::HTTP.get_response(URL, AUTH)
    end
rescue SystemCallError, IOError, OpenSSL::SSL::SSLError => error
  abort("no answer: #{error}")
end
print "#{answer.code} #{answer.body}"
