// Usage: scripts.mjs FOLDER SHA256… prints "scripts<tab>FILE" for each mail in FOLDER with an attached page whose scripts save a file with one
// of the digests. The mails are those of the corpus, which hold nothing else; they are in base64.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import vm from 'node:vm'

const [folder, ...digests] = process.argv.slice(2)
const wanted = new Set(digests)

for (const file of readdirSync(folder).filter(f => f.endsWith('.eml')).sort()) {
  const mail = readFileSync(join(folder, file), 'latin1')
  if (!/\nContent-Type: text\/html; name=page\.html\r?\n/.test(mail)) continue
  const body = mail.split(/name=page\.html\r?\n[^]*?\r?\n\r?\n/)[1].split(/\r?\n--/)[0]
  const page = Buffer.from(body, 'base64').toString('latin1')
  let found = false
  const save = content => {
    const octets = Buffer.from(content, typeof content === 'string' ? 'latin1' : undefined)
    found ||= wanted.has(createHash('sha256').update(octets).digest('hex'))
  }
  for (const [, script] of page.matchAll(/<script>([^]*?)<\/script>/g)) {
    try {
      vm.runInNewContext(script, { atob, save }, { timeout: 5000 })
    } catch { /* a script that fails saves nothing */ }
  }
  if (found) console.log(`scripts\t${file}`)
}
