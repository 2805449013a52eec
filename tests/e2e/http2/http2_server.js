// A server of HTTP/2: http2_server.js PORT_FILE [CERTIFICATE KEY]. Without a certificate, no TLS.
const fs = require('fs'), http2 = require('http2');
const [portFile, certificate, key] = process.argv.slice(2);
const server = certificate
  ? http2.createSecureServer({cert: fs.readFileSync(certificate), key: fs.readFileSync(key)})
  : http2.createServer();

server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  const path = headers[':path'];
  const body = [];
  stream.on('data', bytes => body.push(bytes));
  stream.on('end', () => {
    if (path === '/json') {
      stream.respond({':status': 200, 'content-type': 'application/json'});
      stream.end('{"answer": 42}');
    } else if (path === '/echo') {
      const text = Buffer.concat(body);
      stream.respond({':status': 201, 'content-length': text.length, 'x-cookie': headers.cookie || 'none'});
      stream.end(text);
    } else if (path === '/events') {
      stream.respond({':status': 200, 'content-type': 'text/event-stream'}, {waitForTrailers: true});
      stream.on('wantTrailers', () => stream.sendTrailers({'x-count': '3'}));
      [0, 1, 2].forEach(i => setTimeout(() => stream.write(`data: {"n": ${i}}\n\n`), 20 * i));
      setTimeout(() => stream.end(), 80);
    } else if (path.startsWith('/big')) {
      stream.respond({':status': 200});
      stream.end(Buffer.alloc(3000000, path));
    } else if (path === '/reset') {
      stream.respond({':status': 200});
      stream.write('some');
      setTimeout(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), 50);
    } else if (path === '/never') {
      // Only its client can end it.
    } else {
      stream.respond({':status': 404}, {endStream: true});
    }
  });
});

server.listen(0, '127.0.0.1', () => {
  fs.writeFileSync(portFile + '.new', String(server.address().port));
  fs.renameSync(portFile + '.new', portFile);
});
