package manifest

// inService says what people and the service make of a field: its name in the
// Admin App, and what a new asset has when nobody names the field. "" is what
// nobody documents. Source: for names the Help Center's pages on permissions,
// authors, release and expiry dates and file processing; for values v4 postAssets.
var inService = map[string]struct{ adminApp, unnamed string }{
	"name":                          {"", "the file's name"},
	"description":                   {"Description", "none"},
	"tags":                          {"Tags", ""},
	"languages":                     {"", ""},
	"countries":                     {"", ""},
	"authors":                       {"Author", "whoever uploads"},
	"permissions.isShareable":       {"Can be shared", "true"},
	"permissions.isAnnotatable":     {"", "true"},
	"permissions.isEditable":        {"", ""},
	"releasedAt":                    {"Released on", "at once"},
	"expiresAt":                     {"Expires on", "never"},
	"draftedAt":                     {"", "none"},
	"isSensitive":                   {"Show in Kiosk Mode, the other way round", "false"},
	"isDivisionShared":              {"", "false"},
	"isArchived":                    {"Trash", "false"},
	"isProcessedUsed":               {"Optimization", "true"},
	"isRenderExternalAllowed":       {"", ""},
	"isOnlyEntireDocumentShareable": {"", "false"},
	"isSpeakerNotesEnabled":         {"", "false"},
	"downloadableExternal":          {"Can be downloaded externally", ""},
	"downloadableInternal":          {"Can be downloaded internally", ""},
	"lockedPages":                   {"", ""},
	"enforcedPages":                 {"", "none"},
	"localization":                  {"", "none"},
}

// AdminApp is the field's name in the Admin App; "" where nobody documents it.
func (f Field) AdminApp() string { return inService[f.Name].adminApp }

// Unnamed is what a new asset has when nobody names the field, in words; ""
// where nobody documents it.
func (f Field) Unnamed() string { return inService[f.Name].unnamed }
