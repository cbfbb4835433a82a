# fetch_requests.py MODE URL FILE: get, post (FILE.in is the body) or abort.
import os, sys, requests

mode, url, name = sys.argv[1:4]
headers = {"Authorization": "Bearer " + os.environ["TOKEN"]}
if mode == "post":
    headers["Content-Type"] = "application/json"
    answer = requests.post(url, data=open(name + ".in", "rb"), headers=headers, stream=True)
else:
    answer = requests.get(url, headers=headers, stream=True)
answer.raise_for_status()
with open(name, "wb") as f:
    for block in answer.iter_content(65536):
        f.write(block)
        if mode == "abort":
            f.flush()
            os._exit(0)
