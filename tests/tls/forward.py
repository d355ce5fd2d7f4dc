"""Takes TLS off connections and hands them on to a port of this machine: python forward.py CERTIFICATE PORT

Prints its own port; ends when its standard input does. Without a PORT it only shakes hands.
"""

import os
import socket
import ssl
import sys
import threading


def pump(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client, context, port):
    try:
        with context.wrap_socket(client, server_side=True) as tls:
            if port is None:
                return
            with socket.create_connection(("127.0.0.1", port)) as upstream:
                back = threading.Thread(target=pump, args=(upstream, tls), daemon=True)
                back.start()
                pump(tls, upstream)
                back.join()
    except OSError:
        pass


def main(certificate, port=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, context, port and int(port)), daemon=True).start()


main(*sys.argv[1:])
