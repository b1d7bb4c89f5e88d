"""As systemd starts a service: python3 service_manager.py FOLDER PORT COMMAND...

Opens a listening socket on PORT of loopback and hands it to COMMAND as the descriptor 3, named postgresql; takes
notifications at FOLDER/notify, and prints each as a line "PID STATE", lines within it parted by spaces. The first line
is COMMAND's own PID and "started"; the last is "ended CODE".
"""

import os
import socket
import struct
import sys

folder, port, *command = sys.argv[1:]
notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notifications.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
notifications.bind(f"{folder}/notify")
notifications.settimeout(0.1)
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(port)))
listening.listen(16)
child = os.fork()
if child == 0:
    if listening.fileno() == 3:
        os.set_inheritable(3, True)
    else:
        os.dup2(listening.fileno(), 3)
    os.environ.update(
        NOTIFY_SOCKET=f"{folder}/notify",
        WATCHDOG_USEC="500000",
        WATCHDOG_PID=str(os.getpid()),
        LISTEN_PID=str(os.getpid()),
        LISTEN_FDS="1",
        LISTEN_FDNAMES="postgresql",
    )
    os.execvp(command[0], command)
print(child, "started", flush=True)
while True:
    try:
        state, ancillary, _, _ = notifications.recvmsg(4096, 1024)
        pid = struct.unpack("3i", ancillary[0][2])[0]
        print(pid, state.decode().replace("\n", " "), flush=True)
    except TimeoutError:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended != 0:
            print("ended", os.waitstatus_to_exitcode(status), flush=True)
            break
