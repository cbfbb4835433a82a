# fetch_urllib.py MODE URL FILE: get, post (FILE.in is the body) or abort.
import os, sys, urllib.request

mode, url, name = sys.argv[1:4]
headers = {"Authorization": "Bearer " + os.environ["TOKEN"]}
data = None
if mode == "post":
    data = open(name + ".in", "rb").read()
    headers["Content-Type"] = "application/json"
answer = urllib.request.urlopen(urllib.request.Request(url, data, headers))
with open(name, "wb") as f:
    if mode == "abort":
        f.write(answer.read(65536))
        f.flush()
        os._exit(0)
    while block := answer.read(1 << 20):
        f.write(block)
