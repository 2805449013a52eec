# Ruby's net/http: keep-alive, streaming read, several threads; prints all it received.
require "digest"
require "net/http"
require "stringio"

$stdout.binmode
$stdout.sync = true

def show(label, response, body = response.body)
  puts "#{label}: HTTP/#{response.http_version} #{response.code} #{response.message}"
  response.each_capitalized { |name, value| puts "  #{name}: #{value}" unless name == "Set-Cookie" }
  puts "  body: #{body.nil? ? "none" : "#{body.bytesize} #{Digest::SHA256.hexdigest(body)}"}"
  puts body if body && body.bytesize < 4000
end

def connection(tls)
  http = Net::HTTP.new("api.openai.com", tls ? 443 : 80)
  http.use_ssl = tls
  if tls
    http.verify_mode = OpenSSL::SSL::VERIFY_PEER
    http.ca_file = ENV.fetch("E2E_CA")
  end
  http.open_timeout = http.read_timeout = 30
  http.max_retries = 0
  http
end

def account(tls)
  connection(tls).start do |http|
    if tls
      puts "verified: #{http.peer_cert.nil? ? "no certificate" : "certificate"}"
    end
    show("get", http.get("/echo?ruby=1"))
    show("gzip", http.get("/gzip"))
    post = Net::HTTP::Post.new("/v1/chat/completions", "Content-Type" => "application/json",
                               "Authorization" => "Bearer #{ENV.fetch("E2E_SECRET")}")
    post.body = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about Ruby"}], "stream": true}'
    body = +""
    response = http.request(post) { |streamed| streamed.read_body { |part| body << part } }
    show("stream", response, body)
    put = Net::HTTP::Put.new("/upload")
    put["Content-Type"] = "application/octet-stream"
    put["Content-Length"] = 400_000.to_s
    put.body_stream = StringIO.new("0123456789" * 40_000)
    show("put", http.request(put))
    form = Net::HTTP::Post.new("/multipart")
    form.set_form([["field", "value"], ["file", StringIO.new("content"), { filename: "a.txt" }]], "multipart/form-data")
    show("multipart", http.request(form))
    show("head", http.head("/head"))
    show("big", http.get("/big?bytes=3000000"))
    show("none", http.delete("/204"))
  end
end

account(true)
account(false)
threads = (0...4).map { |n| Thread.new { connection(n.even?).start { |http| http.get("/big?bytes=#{100_000 + n}").body } } }
threads.each { |thread| puts Digest::SHA256.hexdigest(thread.value) }
