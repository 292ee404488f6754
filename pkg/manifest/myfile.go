package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Mine is the user of a personal file that goes into the My Files of whoever runs
// the program.
const Mine = "mine"

// MyFile is a wanted personal file, sent once for its key.
type MyFile struct {
	Pos  Pos
	Key  string // unique in the manifest; as an external ID
	User string // as written
	// Owner is whose My Files it goes into: an e-mail address, a user id or [Mine].
	// It is User, through the map of people once the whole manifest has been
	// checked; "" is a problem of class Block.
	Owner    string
	File     string // as written
	Location Location
	Folder   string // "/" for the top, or ids of folders between slashes: "/ID/ID/"

	// What is not set is left to the service.
	Name                          Opt[string]
	Description                   Opt[string]
	IsShareable                   Opt[bool]
	IsAnnotatable                 Opt[bool]
	IsDownloadable                Opt[bool]
	IsSensitive                   Opt[bool]
	IsOnlyEntireDocumentShareable Opt[bool]
	IsProcessedUsed               Opt[bool]

	AllowEmpty bool // an empty file is meant

	// Problems are those of class Block and Warn.
	Problems []Problem
	At       map[string]Pos // of the value of each key that it has
}

// FieldPos is where the value of a key stands, or where the personal file begins.
func (f *MyFile) FieldPos(key string) Pos {
	if p, ok := f.At[key]; ok {
		return p
	}
	return f.Pos
}

// FileName is the name that its bytes are sent with: that of the file, in NFC.
func (f *MyFile) FileName() string { return normalName(f.Location.Base()) }

// ShownName is the name that people see: Name with the file's extension, or the
// file's name.
func (f *MyFile) ShownName() string {
	if f.Name.Value == "" {
		return f.FileName()
	}
	return normalName(withExtension(f.Name.Value, extension(f.Location.Base())))
}

// myFileFlags are the keys of a personal file that are true or false.
var myFileFlags = []struct {
	name, doc string
	at        func(*MyFile) *Opt[bool]
}{
	{"isShareable", "Its owner may share it with customers", func(f *MyFile) *Opt[bool] { return &f.IsShareable }},
	{"isAnnotatable", "Its owner may annotate it", func(f *MyFile) *Opt[bool] { return &f.IsAnnotatable }},
	{"isDownloadable", "It may be downloaded", func(f *MyFile) *Opt[bool] { return &f.IsDownloadable }},
	{"isSensitive", "Hidden in kiosk mode; not a confidentiality setting", func(f *MyFile) *Opt[bool] { return &f.IsSensitive }},
	{"isOnlyEntireDocumentShareable", "Single pages cannot be shared", func(f *MyFile) *Opt[bool] { return &f.IsOnlyEntireDocumentShareable }},
	{"isProcessedUsed", "Downloads give the optimised rendition; false: the original", func(f *MyFile) *Opt[bool] { return &f.IsProcessedUsed }},
}

// myFileKeys are the keys of a personal file in the order of the documentation,
// with what the schema says of them.
var myFileKeys = func() []extraKey {
	keys := []extraKey{
		{"key", "Its own ID: it is sent once for each key", textSchema(object{"minLength": 1, "maxLength": MaxExternalID, "pattern": externalForm})},
		{"user", "Whose My Files it goes into: an e-mail address, a user id, or mine", textSchema(object{"pattern": notBlank})},
		{"file", "Path relative to the manifest, root:path, absolute, or an address: https://, s3://bucket/path, remote:path", textSchema(object{"minLength": 1})},
		{"folder", "Folder in My Files: / for the top, or ids of folders between slashes, as in the web app's address bar", object{"type": "string", "pattern": `^\s*/([^/\s\x00-\x1f]+/)*[^/\s\x00-\x1f]*\s*$`}},
		{"name", "Name in Showpad; default: the file's name. The file's own extension is appended unless the name ends in it", KindName.schema()},
		{"description", "Text that people read below the name", textSchema(nil)},
	}
	for _, f := range myFileFlags {
		keys = append(keys, extraKey{f.name, f.doc, KindBool.schema()})
	}
	return append(keys, extraKey{"allowEmpty", "An empty file is meant", KindBool.schema()})
}()

// extraKey is a key of what a header lists beside the items.
type extraKey struct {
	Name, Doc string
	schema    object
}

func myFileKeyNames() []string {
	names := make([]string, len(myFileKeys))
	for i, k := range myFileKeys {
		names[i] = k.Name
	}
	return names
}

// MyFileKeys are the keys of a personal file with a sentence about each, in the
// order of the documentation.
func MyFileKeys() [][2]string {
	out := make([][2]string, len(myFileKeys))
	for i, k := range myFileKeys {
		out[i] = [2]string{k.Name, k.Doc}
	}
	return out
}

func myFilesSchema() object {
	p := object{}
	for _, k := range myFileKeys {
		s := k.schema
		if !slices.Contains([]string{"key", "user", "file"}, k.Name) {
			s = nullOr(s)
		}
		p[k.Name] = describe(s, k.Doc)
	}
	return listSchema(closed(p, "key", "user", "file"))
}

func (h *headerReader) myFiles(v Value) {
	if v.Kind != ListValue {
		h.d.wrong(v, "a list: [{key: intro, user: jane@example.com, file: intro.pdf}]")
		return
	}
	for _, e := range v.List {
		if e.Kind != MapValue {
			h.d.field = "an entry of myFiles"
			h.d.wrong(e, "its keys: key, user, file, ...")
			continue
		}
		h.myFile(e)
	}
	h.myFileKeysOnce()
}

// myFileKeysOnce reports keys that are used twice, or that differ only in case or
// Unicode form.
func (h *headerReader) myFileKeysOnce() {
	first := map[string]*MyFile{}
	for i := range h.m.MyFiles {
		f := &h.m.MyFiles[i]
		if f.Key == "" {
			continue
		}
		folded := foldValue(f.Key)
		o, again := first[folded]
		if !again {
			first[folded] = f
			continue
		}
		what := fmt.Sprintf("key %q is used twice", f.Key)
		if o.Key != f.Key {
			what = fmt.Sprintf("key %q differs from %q in its form only", f.Key, o.Key)
		}
		p := NewProblem(CodePersonalKey, f.FieldPos("key"), what, "give one of the personal files another key, or remove it")
		at := o.FieldPos("key")
		p.Also = &at
		h.d.ps.put(p)
	}
}

func (h *headerReader) myFile(v Value) {
	d := &h.d
	f := MyFile{Pos: v.Pos, Folder: "/", At: map[string]Pos{}}
	if len(v.Map) > 0 && v.Pos.Line == 0 {
		f.Pos = v.Map[0].Pos
	}
	from := len(d.ps.list)
	had := map[string]bool{} // keys that say something, well or not
	for _, m := range v.Map {
		d.field = m.Key
		f.At[m.Key] = m.Value.Pos
		if m.Value.Kind == NullValue && slices.Contains(myFileKeyNames(), m.Key) {
			continue
		}
		had[m.Key] = true
		h.myFileKey(&f, m)
	}
	for _, key := range []string{"key", "user", "file"} {
		if !had[key] {
			d.ps.add(CodePersonal, f.Pos, "the personal file has no "+key, "write key: with an ID of its own, user: with whose it is, and file: with a path")
		}
	}
	if f.Location != (Location{}) {
		if what := nameWrong(f.ShownName()); what != "" {
			d.ps.add(CodeName, f.FieldPos("name"), "its name "+what, "write name: with 1 to 255 characters on one line")
		} else if extension(f.FileName()) == "" {
			d.ps.add(CodePersonalType, f.FieldPos("file"), fmt.Sprintf("file %q has no extension, by which Showpad would know what it is", clip(f.FileName())), "give the file its extension")
		}
	}
	for i := from; i < len(d.ps.list); i++ {
		p := &d.ps.list[i]
		p.ExternalID = f.Key
		if p.Class != Stop {
			f.Problems = append(f.Problems, *p)
		}
	}
	h.m.MyFiles = append(h.m.MyFiles, f)
}

// myFileKey reads one key of a personal file.
func (h *headerReader) myFileKey(f *MyFile, m Member) {
	d := &h.d
	v := m.Value
	for _, flag := range myFileFlags {
		if flag.name == m.Key {
			if b, ok := d.bool(v); ok {
				*flag.at(f) = Some(b)
			}
			return
		}
	}
	switch m.Key {
	case "key":
		s, ok := d.scalar(v, "a text of 1 to 128 characters")
		if what := ExternalIDWrong(s); ok && what != "" {
			d.ps.add(CodePersonalKey, v.Pos, "key "+what, "write 1 to 128 characters without comma, control characters and white space around them")
		} else if ok {
			f.Key = s
		}
	case "user":
		h.myFileUser(f, v)
	case "file":
		s, ok := d.scalar(v, "a path")
		if !ok {
			return
		}
		loc, p := ParseLocation(s, h.m.Roots, v.Pos)
		if f.File, f.Location = s, loc; p != nil {
			d.ps.put(*p)
		}
	case "folder":
		s, ok := d.scalar(v, "/ or ids of folders between slashes")
		if ok {
			f.Folder = h.folder(s, v.Pos)
		}
	case "name":
		if s, ok := d.name(v); ok {
			f.Name = Some(s)
		}
	case "description":
		if s, ok := d.text(v); ok {
			f.Description = Some(s)
		}
	case "allowEmpty":
		f.AllowEmpty, _ = d.bool(v)
	default:
		h.myFileUnknown(m)
	}
}

func (h *headerReader) myFileUser(f *MyFile, v Value) {
	s, ok := h.d.scalar(v, "an e-mail address, a user id, or mine")
	if !ok {
		return
	}
	f.User = strings.TrimSpace(s)
	if strings.EqualFold(f.User, Mine) {
		f.User = Mine
	}
	f.Owner = f.User
	if what, fix := ownerWrong(f.User); what != "" && (f.User == "" || h.m.Maps.People.Pos == (Pos{})) {
		h.d.ps.add(CodePersonalUser, v.Pos, what, fix)
	}
}

// ownerWrong says what is wrong with whose a personal file is, or "".
func ownerWrong(s string) (what, fix string) {
	if what, _ := authorWrong(s); what != "" {
		return strings.Replace(what, "author", "user", 1), "write the e-mail address with which the user signs in, a user id, or mine; a list of names and addresses goes under map: {people: ...}"
	}
	return "", ""
}

// folder is a folder of My Files with a slash at both ends.
func (h *headerReader) folder(s string, pos Pos) string {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "/") || strings.Contains(s, "//") || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		h.d.ps.add(CodePersonalFolder, pos, fmt.Sprintf("folder %q is none of My Files", clip(s)), "write / for the top, or the ids of the folders, as the web app's address bar shows them: /ID/ID/")
		return "/"
	}
	if clean := path.Clean(s); clean != "/" {
		return clean + "/"
	}
	return "/"
}

func (h *headerReader) myFileUnknown(m Member) {
	known := myFileKeyNames()
	h.d.respell(m.Pos, repairKey, m.Key, known)
	what, fix := fmt.Sprintf("unknown key %q", clip(m.Key)), didYouMean(m.Key, known)
	switch {
	case fix != "":
	case slices.Contains(itemFieldKeys, m.Key) || slices.Contains(itemKeys, m.Key):
		what, fix = fmt.Sprintf("key %q is for items: personal files have no such thing", m.Key), "remove it"
	default:
		fix = "remove it; a personal file knows " + strings.Join(known, ", ")
	}
	h.d.ps.add(CodeUnknownKey, m.Pos, what, fix)
}

// MyFiles maps whose the personal files of man are, which may be done again. It
// returns what is wrong with that, of class Block, which is among the problems of
// the personal file as well, and what looks like a mistake.
func (m *Mapper) MyFiles(man *Manifest) []Problem {
	var found []Problem
	first := map[string]*MyFile{} // by owner and name
	for i := range man.MyFiles {
		f := &man.MyFiles[i]
		f.Problems = slices.DeleteFunc(f.Problems, func(p Problem) bool { return p.Code == CodePersonalNoUser || p.Code == CodePersonalAlike })
		add := func(p Problem) {
			p.ExternalID = f.Key
			f.Problems, found = append(f.Problems, p), append(found, p)
		}
		f.Owner = f.User
		if to, known, _ := m.look(mapPeople, f.User); known && f.User != Mine {
			f.Owner = to
		}
		if what, _ := ownerWrong(f.Owner); what != "" && f.User != "" && m.has(mapPeople) {
			what, fix := fmt.Sprintf("user %q is not in the map of people", clip(f.User)), "add the name there; nobody stands in for the owner of a personal file"
			if f.Owner == "" {
				what, fix = fmt.Sprintf("user %q is dropped by the map of people", clip(f.User)), "say there whose the file is, or remove it"
			}
			f.Owner = ""
			add(NewProblem(CodePersonalNoUser, f.FieldPos("user"), what, fix))
		}
		if f.Owner == "" || f.Location == (Location{}) {
			continue
		}
		name := foldValue(f.Owner) + "\x00" + foldValue(f.ShownName())
		if o, again := first[name]; again {
			p := NewProblem(CodePersonalAlike, f.FieldPos("file"), fmt.Sprintf("%s gets two files of the name %q", f.Owner, f.ShownName()), "remove one, or give it a name of its own: Showpad may refuse the second")
			at := o.FieldPos("file")
			p.Also = &at
			add(p)
			continue
		}
		first[name] = f
	}
	return found
}
