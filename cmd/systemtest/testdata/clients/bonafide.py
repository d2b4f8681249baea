"""The life of an account under /1, by Debian's python3-srp: bonafide.py URL ROUNDS."""
import binascii
import http.client
import json
import sys
import urllib.parse

import srp
import srp._pysrp

host = urllib.parse.urlsplit(sys.argv[1]).netloc
rounds = int(sys.argv[2])
cookie = None


def ask(i, method, path, fields=None, token=None):
    """Sends fields as a form in even rounds, as JSON in odd ones."""
    global cookie
    headers = {"Test-Network": "10.1.%d.%d" % (i >> 8, i & 255)}
    body = None
    if token:
        headers["Authorization"] = 'Token token="%s"' % token
    if cookie:
        headers["Cookie"] = cookie
    if fields is not None and i % 2 == 0:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        flat = {}
        for k, v in fields.items():
            if isinstance(v, dict):
                flat.update(("%s[%s]" % (k, name), value) for name, value in v.items())
            else:
                flat[k] = v
        body = urllib.parse.urlencode(flat)
    elif fields is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(fields)
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.getheader("Set-Cookie"):
        cookie = answer.getheader("Set-Cookie").split(";")[0]
    connection.close()
    return answer.status, json.loads(text) if text else None


def want(what, got, status):
    if got[0] != status:
        raise SystemExit("%s: %r, not %d" % (what, got, status))
    return got[1]


def hexadecimal(i, octets):
    """Every other pair of rounds writes numbers without leading zeros, and so with an odd
    number of digits now and then."""
    if i % 4 < 2:
        return binascii.hexlify(octets).decode()
    return "%x" % int.from_bytes(octets, "big")


def octets(digits):
    return binascii.unhexlify("0" * (len(digits) % 2) + digits)


def verifier(i, library, name, password):
    salt, v = library.create_salted_verification_key(name, password, hash_alg=srp.SHA256, ng_type=srp.NG_1024)
    return {"login": name, "password_salt": hexadecimal(i, salt), "password_verifier": hexadecimal(i, v)}


def login(i, library, name, password, status=200):
    global cookie
    cookie = None
    user = library.User(name, password, hash_alg=srp.SHA256, ng_type=srp.NG_1024)
    _, a = user.start_authentication()
    challenge = want("challenge", ask(i, "POST", "/1/sessions", {"login": name, "A": hexadecimal(i, a)}), 200)
    m1 = user.process_challenge(octets(challenge["salt"]), octets(challenge["B"]))
    if m1 is None:
        raise SystemExit("B is refused")
    got = want("login", ask(i, "PUT", "/1/sessions/" + name, {"client_auth": hexadecimal(i, m1)}), status)
    if status == 200:
        user.verify_session(octets(got["M2"]))
        if not user.authenticated():
            raise SystemExit("M2 does not hold")
    return got


odd = 0
for i in range(rounds):
    library = srp if i % 8 < 4 else srp._pysrp
    name, password, new = "python%d" % i, "pass word %d" % i, "p\u00e4sswort %d" % i
    user = verifier(i, library, name, password)
    odd += len(user["password_verifier"]) % 2
    want("sign-up", ask(i, "POST", "/1/users", {"user": user}), 201)
    want("the name again", ask(i, "POST", "/1/users", {"user": user}), 422)
    first = login(i, library, name, password)
    login(i, library, name, "wrong", 401)
    path = "/1/users/" + first["id"]
    want("a change by nobody", ask(i, "PUT", path, {"user": verifier(i, library, name, new)}), 401)
    want("password change", ask(i, "PUT", path, {"user": verifier(i, library, name, new)}, first["token"]), 200)
    login(i, library, name, password, 401)
    second = login(i, library, name, new)
    want("logout", ask(i, "DELETE", "/1/logout", token=second["token"]), 204)
    want("second logout", ask(i, "DELETE", "/1/logout", token=second["token"]), 401)
    want("the session before the change", ask(i, "DELETE", "/1/logout", token=first["token"]), 401)
    third = login(i, library, name, new)
    want("deletion", ask(i, "DELETE", path, token=third["token"]), 204)
    login(i, library, name, new, 401)
print("%d rounds, %d verifiers of an odd number of digits" % (rounds, odd))
