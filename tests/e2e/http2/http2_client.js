// Node's http2, which offers HTTP/2 alone: http2_client.js URL. Says what it got, in the order of asking.
const http2 = require('http2');
const session = http2.connect(process.argv[2]);
session.on('error', error => { console.log('session:', error.message); process.exit(1); });

function ask(path, {method = 'GET', body = null, headers = {}, cancelAfter = 0} = {}) {
  return new Promise(resolve => {
    const stream = session.request({':path': path, ':method': method, ...headers});
    let head = {}, trailers = {}, got = [], error = '';
    stream.on('response', h => { head = h; });
    stream.on('trailers', t => { trailers = t; });
    stream.on('data', bytes => got.push(bytes));
    stream.on('error', e => { error = e.code + ' ' + stream.rstCode; });
    stream.on('close', () => {
      delete head.date;
      const text = Buffer.concat(got);
      const shown = text.length > 200 ? text.length + ' bytes of ' + text.subarray(0, 8) : text.toString();
      resolve([path, method, JSON.stringify({...head}), shown, JSON.stringify({...trailers}), error].join(' | '));
    });
    if (cancelAfter) setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), cancelAfter);
    stream.end(body);
  });
}

const asked = [
  ask('/json'),
  ask('/echo', {method: 'POST', body: 'hello', headers: {cookie: ['a=1', 'b=2']}}),
  ask('/echo', {method: 'PUT', body: 'x'.repeat(300000)}),
  ask('/events'),
  ask('/reset'),
  ask('/missing'),
  ask('/json', {method: 'HEAD'}),
  ...Array.from({length: 3}, (_, i) => ask('/big' + i)),
];
if (process.argv[3] === 'cancel') asked.push(ask('/never', {cancelAfter: 200}));
Promise.all(asked).then(lines => {
  lines.forEach(line => console.log(line));
  session.close();
});
