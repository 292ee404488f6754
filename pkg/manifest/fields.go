package manifest

import "slices"

// Field describes one managed field of an asset. The parser, the tables, the
// merging of defaults and the JSON Schema all follow the list of [ManagedFields].
type Field struct {
	Name     string // the API's, dotted below permissions: "permissions.isShareable"
	Kind     FieldKind
	Nullable bool   // the service takes null. Source: v4 postAssets and updateAsset
	Default  bool   // may stand under defaults:
	URLOnly  bool   // has a meaning for URL assets only
	Doc      string // one sentence for people, without a full stop

	read   func(*decoder, Value, *Fields)
	merge  func(item, def *Fields)
	settle func(*Fields)
}

// FieldKind is the form of a field's value.
type FieldKind int

const (
	KindName        FieldKind = iota // a text of 1 to 255 characters
	KindText                         // any text
	KindBool                         // true or false
	KindTags                         // names or {id: ...}
	KindLocales                      // languages or countries
	KindAuthors                      // e-mail addresses or user ids
	KindRelease                      // an instant; a date is the start of its day
	KindExpiry                       // an instant; a date is the end of its day
	KindRenditions                   // "original", "pdf"
	KindPages                        // ranges of pages
	KindEnforcement                  // pages to prepend and append
	KindVariant                      // whose language variant it is
)

// ManagedFields are all managed fields, in the order of the documentation.
func ManagedFields() []Field { return slices.Clone(fields) }

// FieldByName is the managed field of that name.
func FieldByName(name string) (Field, bool) {
	i, ok := fieldIndex[name]
	if !ok {
		return Field{}, false
	}
	return fields[i], true
}

var fields = []Field{
	define(Field{Name: "name", Kind: KindName, Doc: "Name in Showpad; default: the file's name. The file's own extension is appended unless the name ends in it"},
		func(f *Fields) *Opt[string] { return &f.Name }, (*decoder).name),
	define(Field{Name: "description", Kind: KindText, Nullable: true, Default: true, Doc: "Text that people read below the name"},
		func(f *Fields) *Opt[string] { return &f.Description }, (*decoder).text),
	define(Field{Name: "tags", Kind: KindTags, Default: true, Doc: "Tags by name or {id: ...}; added to those of defaults, unless written {replace: [...]}; [] means none"},
		func(f *Fields) *Opt[[]Tag] { return &f.Tags }, (*decoder).tags),
	define(Field{Name: "languages", Kind: KindLocales, Default: true, Doc: "Language codes, as the service lists them"},
		func(f *Fields) *Opt[[]string] { return &f.Languages }, (*decoder).locales),
	define(Field{Name: "countries", Kind: KindLocales, Default: true, Doc: "Country codes, as the service lists them"},
		func(f *Fields) *Opt[[]string] { return &f.Countries }, (*decoder).locales),
	define(Field{Name: "authors", Kind: KindAuthors, Default: true, Doc: "E-mail addresses or ids of Showpad users"},
		func(f *Fields) *Opt[[]string] { return &f.Authors }, (*decoder).authors),
	flag("permissions.isShareable", "People may share it with customers", func(f *Fields) *Opt[bool] { return &f.IsShareable }),
	flag("permissions.isAnnotatable", "People may annotate it", func(f *Fields) *Opt[bool] { return &f.IsAnnotatable }),
	flag("permissions.isEditable", "People may edit it; only documents other than PDF", func(f *Fields) *Opt[bool] { return &f.IsEditable }),
	define(Field{Name: "releasedAt", Kind: KindRelease, Nullable: true, Default: true, Doc: "From when people see it; a date means the start of the day"},
		func(f *Fields) *Opt[Instant] { return &f.ReleasedAt }, (*decoder).release),
	define(Field{Name: "expiresAt", Kind: KindExpiry, Nullable: true, Default: true, Doc: "Until when people see it; a date means the end of the day"},
		func(f *Fields) *Opt[Instant] { return &f.ExpiresAt }, (*decoder).expiry),
	define(Field{Name: "draftedAt", Kind: KindRelease, Nullable: true, Default: true, Doc: "Since when it is a draft; a date means the start of the day"},
		func(f *Fields) *Opt[Instant] { return &f.DraftedAt }, (*decoder).release),
	flag("isSensitive", "Hidden in kiosk mode; not a confidentiality setting", func(f *Fields) *Opt[bool] { return &f.IsSensitive }),
	flag("isDivisionShared", "Other Divisions see it too", func(f *Fields) *Opt[bool] { return &f.IsDivisionShared }),
	nullable(flag("isArchived", "In the trash, which is not deleted", func(f *Fields) *Opt[bool] { return &f.IsArchived })),
	flag("isProcessedUsed", "Downloads give the optimised rendition; false: the original", func(f *Fields) *Opt[bool] { return &f.IsProcessedUsed }),
	urlOnly(flag("isRenderExternalAllowed", "URL assets open in a new tab; false: inside Showpad", func(f *Fields) *Opt[bool] { return &f.IsRenderExternalAllowed })),
	flag("isOnlyEntireDocumentShareable", "Single pages cannot be shared", func(f *Fields) *Opt[bool] { return &f.IsOnlyEntireDocumentShareable }),
	flag("isSpeakerNotesEnabled", "Speaker notes are shown", func(f *Fields) *Opt[bool] { return &f.IsSpeakerNotesEnabled }),
	define(Field{Name: "downloadableExternal", Kind: KindRenditions, Default: true, Doc: "What customers may download: original, pdf; [] means nothing"},
		func(f *Fields) *Opt[[]string] { return &f.DownloadableExternal }, (*decoder).renditions),
	define(Field{Name: "downloadableInternal", Kind: KindRenditions, Default: true, Doc: "What colleagues may download: original, pdf; [] means nothing"},
		func(f *Fields) *Opt[[]string] { return &f.DownloadableInternal }, (*decoder).renditions),
	define(Field{Name: "lockedPages", Kind: KindPages, Default: true, Doc: "Pages that cannot be taken out or moved"},
		func(f *Fields) *Opt[[]PageRange] { return &f.LockedPages }, (*decoder).pages),
	define(Field{Name: "enforcedPages", Kind: KindEnforcement, Nullable: true, Default: true, Doc: "Pages put before or after whatever is shared"},
		func(f *Fields) *Opt[EnforcedPages] { return &f.EnforcedPages }, (*decoder).enforcement),
	define(Field{Name: "localization", Kind: KindVariant, Nullable: true, Doc: "{primary: EXTERNAL-ID} makes it a language variant of that item; {primary: {id: ...}} of any asset"},
		func(f *Fields) *Opt[Primary] { return &f.Localization }, (*decoder).localization),
}

var fieldIndex = func() map[string]int {
	m := make(map[string]int, len(fields))
	for i, f := range fields {
		m[f.Name] = i
	}
	return m
}()

// define ties a field to its place in [Fields] and to its reader.
func define[T any](f Field, at func(*Fields) *Opt[T], read func(*decoder, Value) (T, bool)) Field {
	f.read = func(d *decoder, v Value, fs *Fields) {
		switch {
		case v.Kind == BadValue:
		case isNull(&f, v):
			*at(fs) = Null[T]()
		default:
			if x, ok := read(d, v); ok {
				*at(fs) = Some(x)
			}
		}
	}
	f.merge = func(item, def *Fields) {
		if o := at(item); !o.Set {
			*o = *at(def)
		}
	}
	f.settle = func(fs *Fields) {
		if o := at(fs); o.Null {
			*o = Opt[T]{}
		}
	}
	return f
}

func flag(name, doc string, at func(*Fields) *Opt[bool]) Field {
	return define(Field{Name: name, Kind: KindBool, Default: true, Doc: doc}, at, (*decoder).bool)
}

func nullable(f Field) Field { f.Nullable = true; return f }
func urlOnly(f Field) Field  { f.URLOnly = true; return f }

// merge fills what item leaves open from def, and takes nulls back to "not
// named" where the service knows no null. Tags that item names without
// {replace: ...} are added to: see [mergeTags].
func mergeFields(item, def *Fields) {
	for i := range fields {
		fields[i].merge(item, def)
		if !fields[i].Nullable {
			fields[i].settle(item)
		}
	}
}

// mergeTags is own followed by the tags of def that it lacks.
func mergeTags(own, def []Tag) []Tag {
	out := make([]Tag, 0, len(own)+len(def))
	out = append(out, own...)
	for _, t := range def {
		if !slices.ContainsFunc(out, t.same) {
			out = append(out, t)
		}
	}
	return out
}

// RowFields are the names that a table's columns may have: those of an item,
// with nested ones dotted.
func RowFields() []string {
	names := slices.Clone(itemKeys)
	for _, f := range fields {
		if f.Kind == KindEnforcement {
			names = append(names, f.Name+".prepend", f.Name+".append")
			continue
		}
		if f.Kind == KindVariant {
			names = append(names, f.Name+".primary")
			continue
		}
		names = append(names, f.Name)
	}
	return names
}

// itemKeys are the keys of an item that are no managed fields. keep has no
// column: tables list kept columns in the include.
var itemKeys = []string{"externalId", "id", "file", "url", "division", "allowEmpty"}
