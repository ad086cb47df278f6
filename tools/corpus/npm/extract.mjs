// Usage: extract.mjs FOLDER SHA256… prints "PARSER<tab>FILE" for each mail in FOLDER from which PARSER gets a part with one of the
// digests, line ends behind it aside.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import emailjs from 'emailjs-mime-parser'
import { simpleParser } from 'mailparser'
import PostalMime from 'postal-mime'

const [folder, ...digests] = process.argv.slice(2)
const wanted = new Set(digests)

function found (content) {
  let octets = Buffer.from(content ?? '')
  for (;;) {
    if (wanted.has(createHash('sha256').update(octets).digest('hex'))) return true
    const last = octets.at(-1)
    if (last !== 10 && last !== 13) return false
    octets = octets.subarray(0, -1)
  }
}

const parsers = {
  async 'postal-mime' (mail) {
    const { attachments, text, html } = await PostalMime.parse(mail)
    return [text, html, ...attachments.map(a => a.content)]
  },
  async 'emailjs-mime-parser' (mail) {
    const contents = []
    const visit = node => { contents.push(node.content); node.childNodes.forEach(visit) }
    visit((emailjs.default ?? emailjs)(mail))
    return contents
  },
  async mailparser (mail) {
    const { attachments, text, html } = await simpleParser(mail, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true })
    return [text, html || '', ...attachments.map(a => a.content)]
  }
}

for (const file of readdirSync(folder).filter(f => f.endsWith('.eml')).sort()) {
  const mail = readFileSync(join(folder, file))
  for (const [name, parse] of Object.entries(parsers)) {
    try {
      if ((await parse(mail)).some(found)) console.log(`${name}\t${file}`)
    } catch { /* a mail that a parser refuses is one from which it extracts nothing */ }
  }
}
