package manifest

import "slices"

// Code is the entry of one stable problem code: what `migrate help M012`
// prints. A code never changes its meaning; one that is no longer reported is
// not given out again.
type Code struct {
	ID     string // "M012"
	Class  Class  // of every problem with this code
	Title  string // a few words
	Cause  string // what is wrong, in sentences
	Remedy string // what the reader can do
}

// Codes are all codes of items and manifests, in order of their IDs: those of
// this package and of expand, and from 101 those of package pipeline, which
// asks the service and looks at the files.
func Codes() []Code { return slices.Clone(codes) }

// CodeOf is the entry of a code, in upper case as it is printed.
func CodeOf(id string) (Code, bool) {
	i, ok := slices.BinarySearchFunc(codes, id, func(c Code, id string) int {
		switch {
		case c.ID < id:
			return -1
		case c.ID > id:
			return 1
		}
		return 0
	})
	if !ok {
		return Code{}, false
	}
	return codes[i], true
}

// NewProblem is a problem of the class that its code has.
// It panics on a code that is not in [Codes].
func NewProblem(code string, pos Pos, what, fix string) Problem {
	c, ok := CodeOf(code)
	if !ok {
		panic("manifest: unknown problem code " + code)
	}
	return Problem{Pos: pos, Code: code, Class: c.Class, What: what, Fix: fix}
}

// The codes, by what they are about: 001 to 019 the shape of the file, 020 to
// 029 what an item is, 030 to 059 values, 060 to 069 places, 070 to 079
// tables, 080 to 089 the manifest as a whole, 090 to 099 tables again, 101 to 109 names that the service
// does not know, 111 to 119 files, 121 to 129 people and tags of an
// item, 131 to 139 assets that are there already.
const (
	CodeOwnVariant    = "M175"
	CodeVariantChain  = "M176"
	CodeVariants      = "M177"
	CodeNoPrimary     = "M178"
	CodeSyntax        = "M001"
	CodeEncoding      = "M002"
	CodeNoHeader      = "M003"
	CodeVersion       = "M004"
	CodeDuplicateKey  = "M006"
	CodeType          = "M007"
	CodeAlias         = "M008"
	CodeNotYet        = "M009"
	CodeCannotMove    = "M010"
	CodeMisplaced     = "M011"
	CodeUnknownKey    = "M012"
	CodeExternalID    = "M020"
	CodeDuplicateID   = "M021"
	CodeLookalikeID   = "M022"
	CodeMangledID     = "M023"
	CodeFileOrURL     = "M024"
	CodeURL           = "M025"
	CodeAddress       = "M026"
	CodeUnknownRoot   = "M027"
	CodeClimbs        = "M028"
	CodeLinkTwice     = "M029"
	CodeDivision      = "M030"
	CodeName          = "M031"
	CodeTag           = "M032"
	CodeTagTwice      = "M033"
	CodeLocale        = "M034"
	CodeAuthor        = "M035"
	CodeNoAuthor      = "M036"
	CodeNamesAlike    = "M037"
	CodeNameTwice     = "M038"
	CodeDate          = "M040"
	CodeNeedsTimezone = "M041"
	CodeDateOrder     = "M042"
	CodeExpired       = "M043"
	CodeTimezone      = "M044"
	CodePages         = "M050"
	CodeEnum          = "M051"
	CodeEditable      = "M052"
	CodeURLOnly       = "M053"
	CodeEmpty         = "M054"
	CodeMap           = "M055"
	CodeMapTwice      = "M056"
	CodeTarget        = "M060"
	CodeRoot          = "M061"
	CodeRootMissing   = "M062"
	CodeFilesNothing  = "M063"
	CodeFilesUnlisted = "M064"
	CodeExcludeIdle   = "M065"
	CodeTableMissing  = "M070"
	CodeTableEmpty    = "M071"
	CodeTableSyntax   = "M072"
	CodeTableHeader   = "M073"
	CodeRagged        = "M074"
	CodeUnknownColumn = "M075"
	CodeNoColumn      = "M076"
	CodeMissingColumn = "M077"
	CodeTableKind     = "M078"
	CodeInclude       = "M079"
	CodeChanged       = "M080"
	CodeNoItems       = "M081"
	CodeLongList      = "M082"
	CodeJoinNothing   = "M083"
	CodeJoinTwice     = "M084"
	CodeJoinNoFile    = "M085"
	CodeJoinNoRow     = "M086"
	CodeJoinCase      = "M087"
	CodeFileTwice     = "M088"
	CodeTableOpen     = "M089"

	CodeEncodingGuessed = "M090"
	CodeWorkbook        = "M091"
	CodeSheet           = "M092"
	CodeSheetsLeft      = "M093"
	CodeCell            = "M094"
	CodeHiddenRows      = "M095"
	CodeMergedCells     = "M096"
	CodeUnusedColumns   = "M097"
	CodeReportTable     = "M098"
	CodeLostZeros       = "M099"

	CodeNoDivision    = "M101"
	CodeNoLanguage    = "M102"
	CodeNoCountry     = "M103"
	CodeNoTagID       = "M104"
	CodeNoFallback    = "M105"
	CodeFileMissing   = "M111"
	CodeFileBad       = "M112"
	CodeFileAmbiguous = "M113"
	CodeFileEmpty     = "M114"
	CodeFileTooBig    = "M115"
	CodeWebPage       = "M116"
	CodePassword      = "M117"
	CodeNoUser        = "M121"
	CodeNoTag         = "M122"
	CodeFallback      = "M123"
	CodeTagTwins      = "M124"
	CodeThere         = "M131"
	CodeShareKey      = "M140"
	CodeShareTwice    = "M141"
	CodeShareTitle    = "M142"
	CodeShareAssets   = "M143"
	CodeShareLong     = "M144"
	CodeShareOrigin   = "M145"
	CodeShareNoAsset  = "M146"
	CodeShareNoTheme  = "M147"
	CodeShareOver     = "M148"
	CodeCategory      = "M150"
	CodeCategoryBoth  = "M151"
	CodeCategoryTwice = "M152"
	CodeCategoryDepth = "M153"
	CodeCategoryOther = "M154"
	CodeCategoryTwins = "M155"

	CodePersonal       = "M160"
	CodePersonalKey    = "M161"
	CodePersonalUser   = "M162"
	CodePersonalFolder = "M163"
	CodePersonalAlike  = "M164"
	CodePersonalNoUser = "M165"
	CodePersonalQuota  = "M166"
	CodePersonalType   = "M167"
)

var codes = []Code{
	{CodeSyntax, Stop, "not YAML",
		"The file is not valid YAML from this line on. Nothing after it was read.",
		"Repair the line and run lint again. Quote values that hold \": \", \" #\" or begin with one of @ ` % & * ! | > { [; indent with spaces, never with tabs."},
	{CodeEncoding, Stop, "not UTF-8",
		"The file is in another encoding than UTF-8, so that names would be damaged.",
		"Save it as UTF-8. In Excel: Save as, \"CSV UTF-8 (comma delimited)\"."},
	{CodeNoHeader, Stop, "no header",
		"The first document of a manifest is its header, a mapping that begins with version: 1. This file is empty or begins with something else.",
		"Put the header first. `migrate init` writes one."},
	{CodeVersion, Stop, "version missing or unknown",
		"The header says which form of manifest it is. This program reads version 1.",
		"Write version: 1, or use a newer migrate for a newer manifest."},
	{CodeDuplicateKey, Stop, "key written twice",
		"The same key stands twice in one mapping, so that one of the values would be lost.",
		"Remove one of them."},
	{CodeType, Stop, "wrong kind of value",
		"The key wants another kind of value, for instance a list instead of a single text.",
		"Write it as the message says."},
	{CodeAlias, Stop, "alias or merge key",
		"YAML aliases (*name) and merge keys (<<) are not read: what an item says shall be visible where the item stands.",
		"Write the value out, or put what all items share under defaults:."},
	{CodeNotYet, Stop, "not supported yet",
		"The key belongs to the format, but this version of migrate cannot do it yet. It is refused, not ignored.",
		"Remove the key, or use a version that supports it."},
	{CodeCannotMove, Stop, "Showpad has no place for it",
		"The key names something that an asset in Showpad cannot carry.",
		"Remove it, or list it under keep: so that it is carried into the results. See docs/what-moves.md."},
	{CodeMisplaced, Stop, "key in the wrong place",
		"The key is known, but not here.",
		"Move it to the place that the message names."},
	{CodeUnknownKey, Stop, "unknown key",
		"The key is not part of the format. Unknown keys are refused, because a misspelt one would be lost without a word.",
		"Correct its spelling. `migrate schema` gives editors the list of keys."},
	{CodeExternalID, Stop, "external ID missing or unusable",
		"Every item needs an external ID: 1 to 128 characters without comma, control characters or white space around it. It is how a later run finds the asset again.",
		"Give each item an ID of its own that never changes, for instance its ID in the old system."},
	{CodeDuplicateID, Stop, "external ID used twice",
		"Two items have the same external ID; only one of them could become an asset.",
		"Give one of them another ID, or remove it."},
	{CodeLookalikeID, Stop, "external IDs that differ only in form",
		"Two external IDs differ only in upper and lower case or in how accented letters are stored. Systems and people take them for the same.",
		"Rename one of them."},
	{CodeMangledID, Warn, "external ID rounded by a spreadsheet",
		"The ID looks like 1.23E+15, or the long numbers of a table all end in zeros after their 15th digit: that is what spreadsheets do to numbers, and several IDs may have become one.",
		"Format the column as text in the spreadsheet and export again."},
	{CodeFileOrURL, Stop, "not exactly one of file and url",
		"An item is either a file or a URL asset.",
		"Name exactly one of file: and url:."},
	{CodeURL, Stop, "url unusable",
		"A URL asset needs a complete http:// or https:// address.",
		"Write the address as it stands in a browser."},
	{CodeAddress, Stop, "file address unusable",
		"The address of the file cannot be understood.",
		"Write a path relative to the manifest, root:path, an absolute path, https://..., s3://bucket/path, or remote:path."},
	{CodeUnknownRoot, Stop, "unknown root",
		"The address begins with the name of a root that the header does not declare, and that is no name of a remote of rclone either.",
		"Declare it under roots:. A file whose name holds a colon is written ./like:this."},
	{CodeClimbs, Block, "path leaves its folder",
		"The path climbs out of the manifest's folder, or of its root, with \"..\". Only declared folders are read.",
		"Name that folder under roots: and write root:path."},
	{CodeLinkTwice, Stop, "asset linked twice",
		"Two items name the same asset by id:; it can become only one of them.",
		"Take id: out of one of them, or remove the item."},
	{CodeDivision, Stop, "no Division",
		"Neither the item nor the header names a Division. An asset's Division can never be changed later.",
		"Write division: in the header, or on the item."},
	{CodeName, Stop, "name unusable",
		"A name has 1 to 255 characters and no control characters.",
		"Correct it."},
	{CodeTag, Stop, "tag unusable",
		"A tag is a name of 1 to 255 characters without line breaks and tabs, or {id: ...}.",
		"Correct it."},
	{CodeTagTwice, Warn, "tag listed twice",
		"The same tag stands twice on one item, perhaps in upper and lower case. The first is used.",
		"Remove one of them."},
	{CodeLocale, Stop, "language or country unusable",
		"Languages and countries are codes such as en or BE, as the service lists them.",
		"Write a code."},
	{CodeAuthor, Stop, "author unusable",
		"An author is the e-mail address or the id of a Showpad user.",
		"Write an address without comma and white space."},
	{CodeNoAuthor, Warn, "no author",
		"Items without authors belong to the user who uploads them.",
		"Name authors: on the items or under defaults:."},
	{CodeNamesAlike, Warn, "names that look alike",
		"Names of assets in one Division differ only in upper and lower case, in white space (also such that is not seen) or in the Unicode form of their letters. People take them for the same.",
		"Write them in one way if they are one, or name them apart."},
	{CodeNameTwice, Warn, "name used twice",
		"Assets of one Division have the same name, perhaps because their files come from different folders. Showpad keeps both, and people cannot tell them apart.",
		"Name them apart with name:, unless tags and languages tell enough."},
	{CodeDate, Stop, "date unusable",
		"Dates are moments (2027-12-31T23:00:00Z), days (2026-12-01) or relative to the run (\"+18 months\").",
		"Write one of these forms."},
	{CodeNeedsTimezone, Stop, "date without time needs a timezone",
		"A day begins and ends at different moments in different places.",
		"Write timezone: in the header, for instance timezone: Europe/Brussels, or write the date with its time."},
	{CodeDateOrder, Stop, "released after it expires",
		"releasedAt is not before expiresAt, so that the asset would never be visible.",
		"Correct one of the dates."},
	{CodeExpired, Warn, "expired already",
		"expiresAt is in the past: nobody will see the asset.",
		"Correct the date, or leave the item out."},
	{CodeTimezone, Stop, "timezone unknown",
		"The timezone is not a name of the IANA time zone database.",
		"Write a name such as Europe/Brussels or UTC."},
	{CodePages, Stop, "pages unusable",
		"Pages are ranges {start: 1, end: 2}, counted from 1, both ends included.",
		"Correct the range. In tables: 1-2; 5."},
	{CodeEnum, Stop, "not one of the possible values",
		"The key takes one of a few words.",
		"Write one of those that the message names."},
	{CodeEditable, Block, "isEditable does not go here",
		"Only documents other than PDF can be editable; the service refuses the field for others.",
		"Remove isEditable from the item."},
	{CodeURLOnly, Warn, "only for URL assets",
		"The field has a meaning for URL assets only. It is not sent.",
		"Nothing; or remove it from the item, or put it under defaults:, where it reaches URL assets only."},
	{CodeEmpty, Stop, "empty value",
		"The value must not be empty.",
		"Write a value, or leave the key out."},
	{CodeMap, Stop, "map unusable",
		"A map is a table with the columns from and to, or is written out in the manifest; each entry names a value to map from.",
		"Correct it as the message says. A value without a target (to is empty) is dropped."},
	{CodeMapTwice, Stop, "value mapped twice",
		"Two entries of a map are for the same value; only one of them could hold.",
		"Remove one of them."},
	{CodeTarget, Stop, "target unusable",
		"target says which tenant: the first part of its address.",
		"For acme.showpad.biz write target: {subdomain: acme}."},
	{CodeRoot, Stop, "root unusable",
		"A root is a name of two letters or more for a place: a folder, https://host/prefix, s3://bucket/prefix, or remote:path.",
		"Write roots: {decks: ./content/decks}."},
	{CodeRootMissing, Stop, "root is missing",
		"The folder of a root does not exist or is not a folder.",
		"Correct the path, or mount the drive that holds it."},
	{CodeFilesNothing, Stop, "pattern matches nothing",
		"A files pattern under include: yields no items. That is more often a slip, or a drive that is not mounted, than a wish.",
		"Correct the pattern: it begins at the root, * stands for a part of one name, ** for any folders. Or remove the include."},
	{CodeFilesUnlisted, Stop, "folder cannot be listed",
		"A files pattern could take files in this folder, and nobody can say which are there. Going on would leave them out without a word.",
		"Give yourself the right to read the folder, or exclude it: exclude: [\"private/**\"]."},
	{CodeExcludeIdle, Warn, "exclude leaves nothing out",
		"None of the files that the include takes matches this pattern of exclude:.",
		"Correct it, or remove it. Patterns begin at the root: **/Archive/** means folders of that name anywhere."},
	{CodeTableMissing, Stop, "table is missing",
		"A table under include: cannot be opened.",
		"Correct its path (relative to the manifest), or put the file there."},
	{CodeTableEmpty, Stop, "table without rows",
		"A table under include: yields no items. An empty table is more often a failed export than a wish.",
		"Export it again, or remove the include."},
	{CodeTableSyntax, Stop, "table cannot be read",
		"The row is not valid CSV or NDJSON. The rows after it are checked as far as they can be told.",
		"Repair the line. In CSV a cell with quotes, separators or line breaks stands in quotes, and quotes inside are doubled."},
	{CodeTableHeader, Stop, "header row unusable",
		"The first row of a table names its columns, each once.",
		"Correct the header row."},
	{CodeRagged, Stop, "row of another length",
		"The row has more or fewer cells than the header row, so that values would land in the wrong columns.",
		"Add or remove separators; quote cells that hold one."},
	{CodeUnknownColumn, Stop, "unknown column",
		"The column's header is not the name of a field.",
		"Rename it, list it under keep:, or map columns with columns:."},
	{CodeNoColumn, Stop, "column not in the table",
		"The manifest names a column that the table does not have.",
		"Correct the name; it is written as in the header row."},
	{CodeMissingColumn, Stop, "no column for a required field",
		"Each row needs an external ID and a file or a url.",
		"Add the column, or map one with columns:."},
	{CodeTableKind, Stop, "unknown kind of table",
		"A table is .csv, .tsv, .xlsx or .ndjson.",
		"Save it as one of these."},
	{CodeInclude, Stop, "include unusable",
		"An include names a table, or files by a pattern; and its other keys go with the one or the other.",
		"Write include: [{table: inventory.csv}] or include: [{files: \"decks:**/*.pdf\"}], and what the message says."},
	{CodeChanged, Stop, "file changed while it was in use",
		"The manifest or a table was changed after it was first read, so that what was checked is not what would run.",
		"Run the command again once nobody edits the file."},
	{CodeNoItems, Warn, "no items",
		"The manifest lists nothing.",
		"Add assets:, further documents or include:."},
	{CodeLongList, Warn, "very long assets list",
		"YAML keeps a whole list in memory. Further documents and tables are read one item at a time.",
		"Move the items into a table under include:, or separate them by --- lines."},
	{CodeJoinNothing, Stop, "join finds nothing",
		"No row of the joined table is about a file that the include takes.",
		"Compare the two paths in the message. on: makes the path of a row, strip: takes its beginning off, and what is left begins at the root."},
	{CodeJoinTwice, Stop, "two rows for one file",
		"Two rows of the joined table are about the same file; which one counts cannot be told.",
		"Remove one of them."},
	{CodeJoinNoFile, Warn, "rows without a file",
		"Rows of the joined table are about files that are not there: moved, renamed or not copied. Nothing is made of them.",
		"Copy the files, or correct the paths. The rows are listed in not-included.csv of a run's evidence."},
	{CodeJoinNoRow, Warn, "files without a row",
		"The joined table says nothing about some of the files. They have what the include itself says.",
		"Complete the table, or exclude the files."},
	{CodeJoinCase, Warn, "row and file differ in capitals",
		"The joined table writes the file's path with other capitals than the folder has it. It is taken for the same file.",
		"Correct the path in the table."},
	{CodeFileTwice, Warn, "file used twice",
		"Two items of one Division have the same file and become two assets with the same content.",
		"Remove one of them, unless both are meant."},
	{CodeTableOpen, Warn, "table is open in another program",
		"A lock file beside the table says that somebody has it open in a spreadsheet program. What is not saved there is not in the file.",
		"Save and close it, and run the command again. A lock file that a crashed program left can be removed."},
	{CodeEncodingGuessed, Warn, "encoding of a table found out",
		"The table is not UTF-8, and nothing in it says what it is. Its letters are those of Windows-1252, as spreadsheets in Western Europe and America save them, or of UTF-16.",
		"Look at a few accented letters in the plan. If they are wrong, name the encoding with encoding: in the include, or save the table as CSV UTF-8."},
	{CodeWorkbook, Stop, "workbook cannot be read",
		"The file is no .xlsx workbook, is protected by a password, is damaged, or unpacks to far more than a table needs.",
		"Open it in a spreadsheet program and save it as .xlsx, without a password; or save the sheet as CSV UTF-8."},
	{CodeSheet, Stop, "sheet not in the workbook",
		"The workbook has no sheet of the name, or number, that sheet: says.",
		"Correct it; without sheet: the first sheet that is not hidden is read."},
	{CodeSheetsLeft, Warn, "workbook has other sheets",
		"One sheet of the workbook is read: the first that is not hidden. The others are not.",
		"Nothing, if that is meant; else name the sheet with sheet: in the include. Each sheet can have an include of its own."},
	{CodeCell, Stop, "cell without a usable value",
		"The cell shows an error such as #N/A, its formula was never calculated, or its number is none that its format can show.",
		"Correct the cell in the workbook. A workbook written by a program has values once a spreadsheet program has saved it."},
	{CodeHiddenRows, Warn, "hidden rows",
		"Rows of the sheet are hidden, perhaps by a filter. They are read like the others.",
		"Delete the rows that are not meant."},
	{CodeMergedCells, Warn, "merged cells",
		"Cells of several rows are merged. A workbook keeps the value in the first of them only; the other rows have none.",
		"Unmerge the cells and write the value into each row."},
	{CodeUnusedColumns, Warn, "columns that nothing uses",
		"The table has columns that columns: does not map and keep: does not list. What is in them gets lost.",
		"Map them, or list them under keep:, which carries them into the results. Else nothing, if that is meant."},
	{CodeReportTable, Warn, "report used as a table",
		"The table is failures.csv of a run, or another report with its columns. Its items have a file or url, a name and a Division, and what defaults: says; tags, dates and other fields of the manifest of that run are not in it.",
		"To repeat items with all their fields, run that manifest with --only @failures.csv."},
	{CodeLostZeros, Warn, "external IDs may have lost their zeros",
		"Most external IDs of the table are numbers of the same length, and a few are shorter: a spreadsheet has probably dropped their leading zeros. 42 and 00042 are different IDs.",
		"Format the column as text in the spreadsheet, restore the zeros, and export again. If the IDs are right as they are, nothing."},
	{CodeNoDivision, Stop, "unknown Division",
		"The service shows no Division of this name or id to your credential, or several have the name.",
		"Correct the name, write the Division's id, or ask for a role that sees it."},
	{CodeNoLanguage, Stop, "unknown language",
		"The code is not on the service's list of languages.",
		"Write a code of that list, such as en or pt-BR."},
	{CodeNoCountry, Stop, "unknown country",
		"The code is not on the service's list of countries.",
		"Write a code of that list, such as BE; the United Kingdom is GB."},
	{CodeNoTagID, Stop, "unknown tag id",
		"The service knows no tag with this id.",
		"Take the id from the tag's page, or name the tag by its name."},
	{CodeNoFallback, Stop, "fallback author unknown",
		"The service has no user with the address or id that map.fallback.authors names.",
		"Name an existing user."},
	{CodeFileMissing, Block, "file is missing",
		"There is no file at this place.",
		"Correct the path (relative to the manifest, or root:path; capitals count), or put the file there."},
	{CodeFileBad, Block, "file cannot be read",
		"The file cannot be opened, is not a regular file, or lies outside its root by way of a link; or its place does not answer, or refuses it.",
		"Give yourself the right to read it, or name the file itself under a root that holds it; of places on the network see docs/sources.md."},
	{CodeFileAmbiguous, Block, "several files have this name",
		"Two files have the same name in different Unicode forms; which one is meant cannot be told.",
		"Rename or remove one of them."},
	{CodeFileEmpty, Block, "file is empty",
		"The file has no bytes: more often a failed copy than a wish.",
		"Copy it again, or say allowEmpty: true on the item."},
	{CodeFileTooBig, Block, "file is too big",
		"The file has more than the 5 GB that storage takes at once.",
		"Split or compress it, or take the item out."},
	{CodeWebPage, Block, "web page in place of a file",
		"The bytes are HTML, and the name promises something else: the sign-in page or an error of the portal that the file was fetched from.",
		"Open it in a browser to see what it says, and fetch the file again, signed in. An .html file is no such case."},
	{CodePassword, Warn, "opens with a password only",
		"The document is encrypted with a password, or with rights that somebody has to grant. It is sent as it is; whoever opens it needs the password, and Showpad can probably not show it.",
		"Save it without a password, or tell people the password. A PDF that merely forbids printing or copying is no such case."},
	{CodeNoUser, Block, "author unknown",
		"The service has no user with this e-mail address or id, or a name is not in the map of people.",
		"Name an existing user, map the name under map: {people: ...}, say who stands in by map: {fallback: {authors: ...}}, or have the user made in Showpad first."},
	{CodeNoTag, Block, "tag is missing",
		"The item's Division has no such tag, and createTags: none says that none is made.",
		"Make the tag in Showpad, correct its name, or set createTags: all."},
	{CodeFallback, Warn, "fallback author used",
		"The service has no user with this e-mail address or id, and map.fallback.authors stands in.",
		"Nothing, if that is meant; else map the address to a user under map: {people: ...}."},
	{CodeTagTwins, Warn, "tags that look alike",
		"Tags of one Division differ in case, hyphens, white space or plural only: among those that items want, or from those that Showpad has.",
		"If they are one, map the others to it under map: {tags: ...}."},
	{CodeThere, Warn, "asset that is there already",
		"The item's Division has an asset with the item's bytes, or with its name, that belongs to no item. A person may have uploaded it. A run makes the item's own asset beside it. Or files that were not read have the size of such assets.",
		"Compare the bytes with lint --hash. If it is the same, write its id on the item as id:, or into a column id of the table: a run then gives that asset the external ID. Nothing is linked by itself."},
	{CodeShareKey, Stop, "key of a share missing or unusable",
		"Every share has a key: 1 to 128 characters without comma, control characters or white space around them. A share is made once for each key.",
		"Write one, or correct it."},
	{CodeShareTwice, Stop, "key of a share used twice",
		"Two shares have the same key, perhaps in upper and lower case.",
		"Give one of them another key, or remove it."},
	{CodeShareTitle, Stop, "title of a share missing or unusable",
		"A share has a title of 1 to 200 characters on one line. Whoever gets the link sees it.",
		"Write one, or shorten it."},
	{CodeShareAssets, Stop, "assets of a share missing or unusable",
		"A share has one asset at least, and each is named by externalId or by id, not both.",
		"Write assets: [{externalId: ..., page: ...}, {id: ...}]."},
	{CodeShareLong, Stop, "share of more than 300 assets",
		"One link holds at most 300 assets.",
		"Make several shares of it, each with a key of its own, and say in their titles which part each is."},
	{CodeShareOrigin, Stop, "origin of a share unusable",
		"A share names the program that made it, in at most 20 characters.",
		"Shorten it, or leave origin: out."},
	{CodeShareNoAsset, Block, "asset of a share unknown",
		"The share names an external ID that the manifest does not list and the state does not know, or an id that the service does not show.",
		"Correct it; or list the item; or name the asset by its id."},
	{CodeShareNoTheme, Block, "theme of a share unknown",
		"The service shows no theme of this title or id to your credential, or several have the title.",
		"Correct it; migrate themes list shows them. Or leave theme: out for the Global Theme."},
	{CodeShareOver, Block, "share that ends before it begins",
		"Its expiresAt has passed: nobody could open the link.",
		"Write a later date, or take the share out."},
	{CodeCategory, Stop, "tag category unusable",
		"A category of tags has a name of 1 to 255 characters without line breaks and tabs.",
		"Correct it."},
	{CodeCategoryBoth, Stop, "tag category with tags and categories",
		"Tags are in the lowest categories only: one that has categories in it cannot have tags of its own.",
		"Make a category for these tags below it, or take one of the two keys out."},
	{CodeCategoryTwice, Stop, "tag category listed twice",
		"Two categories of one Division have the same name in the same place, perhaps in upper and lower case.",
		"Merge them, or rename one."},
	{CodeCategoryDepth, Stop, "tag categories nested too deeply",
		"A tree of categories has at most ten levels here, and the names down to one have a thousand bytes together.",
		"Write it flatter, or shorten the names."},
	{CodeCategoryOther, Block, "tag category is of the other kind",
		"In Showpad the category has categories in it where the manifest wants tags, or tags where it wants categories. One category cannot have both.",
		"Follow Showpad in the manifest, or empty the category there: migrate categories remove-tags takes tags out, migrate categories update --parent moves categories."},
	{CodeCategoryTwins, Block, "several tag categories of this name",
		"Showpad has several categories in one place whose names are the same, or differ in case only and none is written as in the manifest. Which one is meant cannot be told.",
		"Rename or delete all but one in Showpad, or write the name exactly as the one that is meant."},
	{CodePersonal, Stop, "personal file incomplete",
		"A personal file needs a key, the user whose My Files it goes into, and a file.",
		"Write {key: jane-intro, user: jane@example.com, file: intro.pdf}."},
	{CodePersonalKey, Stop, "key of a personal file unusable",
		"The key is how a later run knows what it has sent: 1 to 128 characters without comma, control characters or white space around it, and no two that differ in capitals only.",
		"Give each personal file a key of its own that never changes."},
	{CodePersonalUser, Stop, "user of a personal file unusable",
		"The user is neither an e-mail address nor an id.",
		"Write the address with which the user signs in, a user id, or mine for your own; names go under map: {people: ...}."},
	{CodePersonalFolder, Stop, "folder in My Files unusable",
		"A folder in My Files is named by its id: no call of Showpad's finds it by its name.",
		"Write / for the top, or the ids that the web app's address bar shows, with slashes between them."},
	{CodePersonalAlike, Warn, "two personal files of one name",
		"One user gets two files of the same name. Showpad may take the second for the first, and refuse it as being there already.",
		"Give one of them another name, or remove it."},
	{CodePersonalNoUser, Block, "owner of a personal file unknown",
		"The service has no active user with this e-mail address or id that your account may see, several have it, or a name is not in the map of people. Nobody stands in for the owner of a personal file.",
		"Name an existing user, map the name under map: {people: ...}, or have the user made or activated in Showpad first."},
	{CodePersonalQuota, Block, "personal file over its owner's limit",
		"The file is larger than the service lets the user have one, or the user's personal files, those of this manifest included, would be larger than all of them may be.",
		"Have the limit raised in Showpad, or remove or shrink files."},
	{CodePersonalType, Block, "personal file without extension",
		"Showpad knows what a personal file is by the extension of its name, and this one has none.",
		"Give the file its extension."},
	{CodeOwnVariant, Stop, "language variant of itself",
		"The item names itself as its primary.",
		"Name the item that it is a language variant of, or remove localization."},
	{CodeVariantChain, Stop, "language variant of a variant",
		"The primary of an item is itself the language variant of another one: Showpad knows one primary and its variants, no chains.",
		"Name the same primary on both."},
	{CodeVariants, Stop, "too many language variants",
		"More than 50 items name the same primary, which is what Showpad takes.",
		"Take items out, or name another primary on some."},
	{CodeNoPrimary, Block, "primary unknown",
		"Neither the manifest nor the state nor the service has an asset with the external ID or the id that localization names, or several assets have it.",
		"List its item in this manifest, correct the ID, or remove localization from the item."},
}
