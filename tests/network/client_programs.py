# SPDX-License-Identifier: Apache-2.0
"""Programs that test_works.py runs in both places; files of the workspace."""

PYTHON = r"""
import errno, http.client, json, os, select, socket, ssl, threading, urllib.error, urllib.request

def show(*words):
    print(*words, flush=True)

for url in ("http://good.test/hello", "https://good.test/hello", "https://good.test/to-good"):
    with urllib.request.urlopen(url) as r:
        show(r.status, r.url, r.read())
try:
    urllib.request.urlopen("https://good.test/nothing")
except urllib.error.HTTPError as e:
    show("HTTP", e.code)
c = http.client.HTTPSConnection("good.test")
for i in range(20):
    c.request("POST", "/upload", b"x" * 10000 * i)
    r = c.getresponse()
    body = r.read()
show("kept alive", r.status, body)
try:
    with socket.create_connection(("lab.test", 7010)) as s:
        ssl.create_default_context().wrap_socket(s, server_hostname="lab.test")
except ssl.SSLError as e:
    show("no TLS there", e.reason)

# Names of the peer are what was asked for; ours is a port of this machine.
with socket.create_connection(("203.0.113.40", 7001)) as s:
    show("peer", s.getpeername(), s.getsockname()[1] > 0, s.family.name)
with socket.create_connection(("2001:db8:113::40", 7001)) as s:
    show("peer", s.getpeername()[:2], s.family.name)

def errno_of(port, after=b"", address="lab.test"):
    try:
        with socket.create_connection((address, port)) as s:
            if after:
                s.sendall(after)
            said = b""
            while d := s.recv(1000):
                said += d
            return said
    except OSError as e:
        return errno.errorcode.get(e.errno, e.errno)

show("closed", errno_of(7099), "unreachable", errno_of(80, address="unreachable.test"))
show("reset later", errno_of(7006, b"x"), "lie", errno_of(7007, b"GET\n"))
show("half-close", errno_of(7009), "drip", errno_of(7008))
show("several", errno_of(80, b"GET /hello HTTP/1.0\r\n\r\n", "several.test")[-21:])

# A half-closed connection still brings the answer, and a large one each way at once arrives whole.
with socket.create_connection(("lab.test", 7003)) as s:
    s.sendall(b"y" * 3000000)
    s.shutdown(socket.SHUT_WR)
    show("sink", s.makefile().read())
with socket.create_connection(("lab.test", 7001)) as s:
    sent = os.urandom(4 << 20)
    threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR))).start()
    got = bytearray()
    while d := s.recv(1 << 16):
        got += d
    show("echo", got == sent)

# Non-blocking: connect, wait, look; by poll, select and epoll.
for wait in ("select", "poll", "epoll"):
    s = socket.socket()
    s.setblocking(False)
    r = s.connect_ex(("203.0.113.40", 7001))
    show(wait, r in (0, errno.EINPROGRESS), end_of := None)
    if wait == "select":
        select.select([], [s], [], 60)
    elif wait == "poll":
        p = select.poll(); p.register(s, select.POLLOUT); p.poll(60000)
    else:
        e = select.epoll(); e.register(s, select.EPOLLOUT | select.EPOLLET); e.poll(60)
    show("outcome", s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.send(b"through"))
    s.settimeout(60)
    show(s.recv(100))
    s.close()

# Datagrams, each the size of a packet; connected and not.
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(60)
    s.connect(("203.0.113.40", 7001))
    s.send(b"connected" * 100); show(len(s.recv(2000)))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(60)
    s.sendto(b"not connected", ("203.0.113.40", 7001)); show(s.recvfrom(2000))

# Many threads at once by one socket, to where nothing went before.
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
    s.settimeout(60)
    threads = [threading.Thread(target=s.sendto, args=(b"%d" % i, ("2001:db8:113::40", 7001))) for i in range(8)]
    [t.start() for t in threads], [t.join() for t in threads]
    show(sorted(s.recv(100) for _ in threads))

# Connections that idle go on afterwards, and options can be set as on any socket.
with socket.create_connection(("lab.test", 7001), timeout=60) as s:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    select.select([], [], [], 1)
    s.sendall(b"after a while\n"); show(s.recv(100))
"""

ASYNCIO = r"""
import asyncio, hashlib, resource, ssl

resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
ALL = 1000

async def one(i, connected, go):
    reader, writer = await asyncio.open_connection("203.0.113.40", 7001)
    connected.append(i)
    if len(connected) == ALL:
        go.set()
    await go.wait()  # all are open at once
    writer.write(b"%d\n" % i)
    said = int(await reader.readline())
    writer.close()
    return said

async def tls(i):
    reader, writer = await asyncio.open_connection("good.test", 443, ssl=ssl.create_default_context())
    writer.write(b"GET /hello HTTP/1.0\r\nHost: good.test\r\n\r\n")
    said = await reader.read()
    writer.close()
    return said.split(b"\r\n\r\n")[1]

async def main():
    connected, go = [], asyncio.Event()
    print("sum", sum(await asyncio.gather(*(one(i, connected, go) for i in range(ALL)))))
    print("tls", set(await asyncio.gather(*(tls(i) for i in range(50)))))
    reader, writer = await asyncio.open_connection("lab.test", 7002)
    writer.write(b"20000000\n")
    h = hashlib.sha256()
    while data := await reader.read(1 << 20):
        h.update(data)
    print("source", h.hexdigest())
    try:
        await asyncio.wait_for(asyncio.open_connection("203.0.113.40", 7099), 60)
    except OSError as e:
        print(type(e).__name__)

asyncio.run(main())
"""

NODE = r"""
const net = require("net"), https = require("https"), crypto = require("crypto");
(async () => {
  for (const url of ["http://good.test/hello", "https://good.test/hello", "https://good.test/to-good"]) {
    const r = await fetch(url); console.log(r.status, r.url, await r.text());
  }
  const all = await Promise.all([...Array(100).keys()].map(() => fetch("https://good.test/hello").then(r => r.text())));
  console.log(new Set(all));
  const big = await fetch("https://mirror.test/big");
  console.log(crypto.createHash("sha256").update(Buffer.from(await big.arrayBuffer())).digest("hex"));
  try { await fetch("http://good.test:7099/"); } catch (e) { console.log(e.cause.code || e.cause.errors.map(x => x.code)[0]); }
  const agent = new https.Agent({keepAlive: true, maxSockets: 1});
  const get = () => new Promise(d => https.get("https://good.test/hello", {agent}, r => { const port = r.socket.localPort;
    r.resume().on("end", () => setImmediate(() => d(port))); }));
  console.log("one connection", await get() === await get());
  net.connect(7009, "203.0.113.40").on("data", d => console.log(String(d))).on("end", () => console.log("ended")).on("close", e => console.log("closed", e));
})();
"""

JAVA = r"""
import java.net.*; import java.net.http.*; import java.nio.file.*; import java.security.*; import java.security.cert.*;
import java.util.*; import java.util.concurrent.*; import java.util.stream.*; import javax.net.ssl.*;
public class Fetch {
  public static void main(String[] a) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(Files.newInputStream(Path.of("ca.pem"))));
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(null, trust.getTrustManagers(), null);
    HttpClient client = HttpClient.newBuilder().sslContext(tls).followRedirects(HttpClient.Redirect.NORMAL).build();
    for (String url : List.of("http://good.test/hello", "https://good.test/hello", "https://good.test/to-good")) {
      HttpResponse<String> r = client.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString());
      System.out.println(r.statusCode() + " " + r.uri() + " " + r.body());
    }
    List<CompletableFuture<Integer>> all = IntStream.range(0, 50).mapToObj(i -> client.sendAsync(
      HttpRequest.newBuilder(URI.create("https://good.test/hello")).build(), HttpResponse.BodyHandlers.ofString()).thenApply(r -> r.statusCode()))
      .collect(Collectors.toList());
    int sum = 0; for (CompletableFuture<Integer> f : all) sum += f.get();
    System.out.println(sum);
    try (Socket s = new Socket()) { s.connect(new InetSocketAddress("203.0.113.40", 7099)); } catch (ConnectException e) { System.out.println(e.getMessage()); }
    try (Socket s = new Socket("203.0.113.40", 7001)) {
      s.getOutputStream().write("through".getBytes()); System.out.println(new String(s.getInputStream().readNBytes(7)) + " " + s.getRemoteSocketAddress());
    }
  }
}
"""

GO = r"""
package main

import ("crypto/tls"; "crypto/x509"; "fmt"; "io"; "net"; "net/http"; "os"; "sync")

func main() {
	pem, _ := os.ReadFile("ca.pem")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for _, url := range []string{"http://good.test/hello", "https://good.test/hello", "https://good.test/to-good"} {
		r, err := client.Get(url)
		if err != nil { fmt.Println(err); continue }
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.StatusCode, r.Request.URL, string(body))
	}
	var wait sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for i := 0; i < 100; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			c, err := net.Dial("tcp", "lab.test:7001")
			if err != nil { fmt.Println(err); return }
			defer c.Close()
			fmt.Fprintf(c, "%d\n", i)
			var said int
			fmt.Fscan(c, &said)
			lock.Lock(); sum += said; lock.Unlock()
		}(i)
	}
	wait.Wait()
	fmt.Println(sum)
	_, err := net.Dial("tcp", "203.0.113.40:7099")
	fmt.Println(err)
}
"""
