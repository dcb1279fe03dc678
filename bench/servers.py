# SPDX-License-Identifier: GPL-3.0-or-later
"""Small servers for the scenarios that ask services: greetings on 22 and 25, HTTP on 80, DNS and NTP over UDP.

    servers.py    (run inside a namespace; serves 0.0.0.0 until it is ended)
"""
import socket
import threading

HTTP = (b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: 28\r\nConnection: close\r\n\r\n"
        b"<title>Site example</title>\r\n")
GREETINGS = {22: b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", 25: b"220 mail.site.example ESMTP Postfix (Debian/GNU)\r\n"}
DATAGRAMS = {53: lambda asked: asked[:2] + b"\x81\x80" + asked[4:6] + bytes(6) + asked[12:],
             123: lambda asked: b"\x24\x01\x06\xec" + bytes(36) + bytes(range(8))}


def greet(connection, port):
    """Say it, then listen to one request; HTTP is the other way round."""
    with connection:
        connection.settimeout(10)
        try:
            if port in GREETINGS:
                connection.sendall(GREETINGS[port])
                connection.recv(4096)
            elif connection.recv(4096):
                connection.sendall(HTTP)
        except OSError:
            pass


def streams(port):
    with socket.create_server(("0.0.0.0", port), backlog=1024) as listener:
        while True:
            threading.Thread(target=greet, args=(listener.accept()[0], port), daemon=True).start()


def datagrams(port, answer):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("0.0.0.0", port))
        while True:
            asked, to = s.recvfrom(4096)
            s.sendto(answer(asked), to)


def main():
    threads = [threading.Thread(target=streams, args=(port,)) for port in (22, 25, 80)]
    threads += [threading.Thread(target=datagrams, args=row) for row in DATAGRAMS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
