'use strict';
// Loaded into every Node that "headroom run" starts. Node before 22.21 and 24.5 knows no proxy variables; here its TLS
// connections, those of https and of fetch alike, go through the proxy by CONNECT. Newer ones do so by themselves.

const net = require('net');
const tls = require('tls');
const { Duplex } = require('stream');

const [major, minor] = process.versions.node.split('.').map(Number);
const knowsProxies = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
const notProxied = (process.env.NO_PROXY || '').split(',');

// Tunnel is a connection through the proxy that holds back what is written until the proxy has agreed.
class Tunnel extends Duplex {
  constructor(proxy, host, port) {
    super();
    this.head = Buffer.alloc(0);
    this.onHead = (data) => this.readHead(data);
    const name = net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
    this.raw = net.connect(proxy.port || 80, proxy.hostname);
    const user = decodeURIComponent(`${proxy.username}:${proxy.password}`);
    const secret = proxy.username ? `Proxy-Authorization: Basic ${Buffer.from(user).toString('base64')}\r\n` : '';
    this.raw.write(`CONNECT ${name} HTTP/1.1\r\nHost: ${name}\r\nUser-Agent: node/${process.versions.node}\r\n${secret}\r\n`);
    this.raw.on('data', this.onHead);
    this.raw.on('end', () => (this.agreed ? this.push(null) : this.destroy(new Error('the proxy hung up'))));
    this.raw.on('error', (err) => this.destroy(err));
    this.raw.on('close', () => this.destroy());
  }

  readHead(data) {
    this.head = Buffer.concat([this.head, data]);
    const end = this.head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const status = this.head.toString('latin1', 0, end).split(' ')[1];
    if (status !== '200') {
      this.destroy(new Error(`the proxy answered ${status}`));
      return;
    }
    this.agreed = true;
    this.raw.removeListener('data', this.onHead);
    this.raw.on('data', (more) => this.push(more) || this.raw.pause());
    if (this.head.length > end + 4) this.push(this.head.subarray(end + 4));
    if (this.waiting) this.waiting();
  }

  _read() {
    this.raw.resume();
  }

  _write(chunk, encoding, done) {
    if (this.agreed) this.raw.write(chunk, done);
    else this.waiting = () => this.raw.write(chunk, done);
  }

  _final(done) {
    this.raw.end(done);
  }

  _destroy(err, done) {
    this.raw.destroy();
    done(err);
  }
}

function install(proxy) {
  const connect = tls.connect;
  tls.connect = function (...args) {
    const [options, ...rest] = args;
    const host = options && options.host;
    if (!host || options.socket || options.path || notProxied.includes(host)) return connect.apply(this, args);
    const tunnel = new Tunnel(proxy, host, options.port || 443);
    const servername = net.isIP(host) ? '' : host;
    const socket = connect.call(this, { servername, ...options, socket: tunnel }, ...rest);
    // An idle connection must not keep the program alive.
    for (const name of ['ref', 'unref']) {
      const own = socket[name];
      socket[name] = function () {
        tunnel.raw[name]();
        return own.call(this);
      };
    }
    return socket;
  };
}

if (!knowsProxies && process.env.HTTPS_PROXY) install(new URL(process.env.HTTPS_PROXY));
