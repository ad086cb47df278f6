"""Usage: documents.py FOLDER SHA256… prints "READER<tab>FILE" for each mail in FOLDER with an attachment from which READER gets a
file with one of the digests: a calendar, an address card, or a document in XML."""

import base64
import email
import email.policy
import hashlib
import os
import plistlib
import sys
import xml.etree.ElementTree

import icalendar
import vobject


def calendars(text):
    for part in icalendar.Calendar.from_ical(text).walk():
        for value in [v for v in [part.get("ATTACH")] if v is not None]:
            yield value.dt if hasattr(value, "dt") else value.obj if hasattr(value, "obj") else base64.b64decode(value)


def cards(text):
    for card in vobject.readComponents(text):
        for line in card.getChildren():
            if isinstance(line.value, (bytes, str)):
                yield line.value if isinstance(line.value, bytes) else line.value.encode("latin-1", "replace")


def documents(text):
    for element in xml.etree.ElementTree.fromstring(text).iter():
        if element.tag.endswith(("binData", "binaryData", "binary-data")):
            yield base64.b64decode(element.text)


def properties(text):
    yield from (v for v in plistlib.loads(text.encode()).values() if isinstance(v, bytes))


READERS = {"icalendar": calendars, "vobject": cards, "xml": documents, "plistlib": properties}


def main(folder, *digests):
    for name in sorted(f for f in os.listdir(folder) if f.endswith(".eml")):
        with open(os.path.join(folder, name), "rb") as f:
            mail = email.message_from_bytes(f.read(), policy=email.policy.compat32)
        texts = [p.get_payload(decode=True) for p in mail.walk()]
        texts = [t.decode("latin-1") for t in texts if isinstance(t, bytes) and t.startswith((b"BEGIN:", b"<?xml"))]
        for reader, read in READERS.items():
            for text in texts:
                try:
                    if any(hashlib.sha256(content).hexdigest() in digests for content in read(text)):
                        print(f"{reader}\t{name}")
                except Exception:  # a text that a reader refuses is one from which it gets nothing
                    pass


main(*sys.argv[1:])
