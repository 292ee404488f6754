package main

// newFile is a file that init writes: a path with slashes, and its bytes.
type newFile struct {
	path string
	data []byte
}

// starter is a manifest and a table to begin with; they run as they are.
func starter() []newFile {
	return []newFile{
		{"manifest.yaml", []byte(starterManifest)},
		{"inventory.csv", []byte(starterTable)},
		{"migrate.yaml", []byte(starterSettings)},
		{"content/welcome.txt", []byte("Replace this file with what you move.\n")},
	}
}

const starterManifest = `# What should be in Showpad. ` + "`migrate lint manifest.yaml`" + ` shows what is wrong with it,
# ` + "`migrate plan manifest.yaml --sandbox`" + ` what would happen.
version: 1

# target: {subdomain: acme}       # the first part of acme.showpad.com; or set SHOWPAD_SUBDOMAIN
division: Marketing               # where the files go, by name or id; a row may name another one

# defaults:                       # for every row that does not say otherwise
#   tags: [Migrated]              # added to the row's own
#   authors: [content-team@example.com]
#   permissions: {isShareable: true, isAnnotatable: true}

# timezone: Europe/Brussels       # needed when a date comes without a time

include:
  - table: inventory.csv          # one row a file; its header has the names of fields
`

const starterTable = `externalId,file,name,description,tags,expiresAt
EXAMPLE-1,content/welcome.txt,Welcome,Replace this row with your own,Welcome;Example,
`

const starterSettings = `# Settings of the commands for the manifests beside this file, as their flags without the
# dashes. Each line here has its default. A flag, or MIGRATE_UPLOADS=4 in the environment,
# comes before it. Passwords and tokens come from the environment alone.

# uploads: 8                      # in flight at once; fewer on a slow line
# requests: 8                     # API requests in flight
# retries: 6                      # further attempts of a request that may go through later
# max-failures: 0                 # stop after this many failed items; 0 is no limit
# strict: false                   # true: what blocks one item stops everything
# wait: 30m                       # how long a run waits for processing that does not advance
# keep-replaced: ""               # a folder for the bytes that new versions replace, so that a rollback can put them back
# csv-separator: ","              # of the tables in the evidence: ";" where spreadsheets want it
# log-level: warn                 # trace, debug, info, warn or error
# log-file: ""                    # append the log to this file
`

// sampleLibrary is a small library to try: files of many types, two tags, a
// link. It is clean and runs in a sandbox as it is.
func sampleLibrary() []newFile {
	return []newFile{
		{"manifest.yaml", []byte(sampleManifest)},
		{"inventory.csv", []byte(sampleTable)},
		{"content/decks/company-overview.pptx", pptx("Company overview")},
		{"content/decks/product-tour.pptx", pptx("Product tour")},
		{"content/documents/price-list.pdf", pdf("Price list", "Terms", "Contacts")},
		{"content/documents/case-study.pdf", pdf("Case study")},
		{"content/documents/handbook.docx", docx("Handbook for new colleagues")},
		{"content/documents/release-notes.txt", []byte("Release notes\n\n1.0 The first one.\n1.1 Faster, and in German too.\n")},
		{"content/documents/template-pack.zip", archive(part{"letter.txt", "Dear customer,\n"}, part{"offer.txt", "We offer:\n"})},
		{"content/data/prices.csv", []byte("product,price\nBasic,10\nPlus,25\nComplete,60\n")},
		{"content/data/regions.xlsx", xlsx("Region", "EMEA", "APAC", "AMER")},
		{"content/images/logo.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><circle cx="32" cy="32" r="28" fill="#2f6db5"/></svg>` + "\n")},
		{"content/images/banner.png", pngFile(640, 200)},
		{"content/images/product.png", pngFile(320, 320)},
		{"content/images/team.jpg", jpegFile(800, 533)},
		{"content/images/icon.gif", gifFile(48, 48)},
		{"content/audio/jingle.wav", wav(4)},
	}
}

const sampleManifest = `# A small library to try: 15 files of many types and a link.
#
#   migrate lint manifest.yaml --offline
#   migrate plan manifest.yaml --sandbox
#   migrate run manifest.yaml --sandbox
version: 1
division: Marketing
defaults:
  tags: [Sample]
  languages: [en]
  authors: [content-team@example.com]
  permissions: {isShareable: true}
roots:
  content: ./content
include:
  - table: inventory.csv
    keep: [Old URL]               # carried into the results, never sent
assets:
  - externalId: SAMPLE-016
    url: https://www.example.com/pricing
    name: Pricing page
`

const sampleTable = `externalId,file,name,tags,description,Old URL
SAMPLE-001,content:decks/company-overview.pptx,Company overview,Getting started,The deck to begin with,https://old.example.com/d/1
SAMPLE-002,content:decks/product-tour.pptx,Product tour,,,https://old.example.com/d/2
SAMPLE-003,content:documents/price-list.pdf,Price list,Getting started,Three pages,https://old.example.com/d/3
SAMPLE-004,content:documents/case-study.pdf,Case study,,,https://old.example.com/d/4
SAMPLE-005,content:documents/handbook.docx,Handbook,Getting started,For new colleagues,https://old.example.com/d/5
SAMPLE-006,content:documents/release-notes.txt,,,,https://old.example.com/d/6
SAMPLE-007,content:documents/template-pack.zip,Templates,,,https://old.example.com/d/7
SAMPLE-008,content:data/prices.csv,,,,https://old.example.com/d/8
SAMPLE-009,content:data/regions.xlsx,Regions,,,https://old.example.com/d/9
SAMPLE-010,content:images/logo.svg,Logo,Getting started,,https://old.example.com/d/10
SAMPLE-011,content:images/banner.png,Banner,,,https://old.example.com/d/11
SAMPLE-012,content:images/product.png,Product,,,https://old.example.com/d/12
SAMPLE-013,content:images/team.jpg,Team,,,https://old.example.com/d/13
SAMPLE-014,content:images/icon.gif,Icon,,,https://old.example.com/d/14
SAMPLE-015,content:audio/jingle.wav,Jingle,,,https://old.example.com/d/15
`
