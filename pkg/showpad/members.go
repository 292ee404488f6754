package showpad

import (
	"encoding/json"
)

// members cuts a JSON object into its members, which share its memory; of those
// with the same name the last one counts. It checks no more than it needs to
// find their ends, so object has to be valid JSON; false when it is no object,
// or something that this does not read (names with escapes). about says how many
// to make room for.
func members(object []byte, about int) (map[string]json.RawMessage, bool) {
	m := make(map[string]json.RawMessage, about)
	ok := cutMembers(object, func(quoted []byte, from, end int) bool {
		name, ok := memberName(quoted)
		m[name] = object[from:end:end]
		return ok
	})
	if !ok {
		return nil, false
	}
	return m, true
}

// cutMembers gives each member of a valid JSON object: its name in quotes, and where
// its value begins and ends. False when it is no object, or visit is.
func cutMembers(object []byte, visit func(quoted []byte, from, end int) bool) bool {
	i := blank(object, 0)
	if i >= len(object) || object[i] != '{' {
		return false
	}
	for i = blank(object, i+1); i < len(object) && object[i] != '}'; i = blank(object, i) {
		if object[i] == ',' {
			i = blank(object, i+1)
		}
		end := valueEnd(object, i)
		name := object[i:end]
		if i = blank(object, end); i >= len(object) || object[i] != ':' {
			return false
		}
		i = blank(object, i+1)
		end = valueEnd(object, i)
		if end == i || !visit(name, i, end) {
			return false
		}
		i = end
	}
	return i < len(object)
}

// Members cuts a JSON object that an answer had into its members, which share its
// memory; false when it is none, or has names with escapes.
func Members(object json.RawMessage) (map[string]json.RawMessage, bool) { return members(object, 4) }

// cutList cuts a JSON list into its elements, which share its memory. Like
// members it takes list to be valid; false when it is no list.
func cutList(list []byte) (l []json.RawMessage, ok bool) {
	i := blank(list, 0)
	if i >= len(list) || list[i] != '[' {
		return nil, false
	}
	l = []json.RawMessage{}
	for i = blank(list, i+1); i < len(list) && list[i] != ']'; i = blank(list, i) {
		if list[i] == ',' {
			i = blank(list, i+1)
		}
		end := valueEnd(list, i)
		if end == i {
			return nil, false
		}
		l = append(l, list[i:end:end])
		i = end
	}
	return l, i < len(list)
}

// names are names of members that come again and again: they are not copied.
var names = [...]string{
	"id", "externalId", "name", "status", "type", "slug", "division", "currentFile", "checksum", "size", "isArchived", "createdAt", "updatedAt",
	"lastUploadedAt", "archivedAt", "authors", "competencies", "countries", "description", "documentType", "downloadableExternal",
	"downloadableInternal", "draftedAt", "enforcedPages", "expiresAt", "fileType", "isDivisionShared", "isOnlyEntireDocumentShareable",
	"isProcessedUsed", "isRenderExternalAllowed", "isSensitive", "isSpeakerNotesEnabled", "languages", "lockedPages", "owner", "pageCount",
	"permissions", "previewUrl", "releasedAt", "resourceType", "tags", "thumbnailUrl", "url", "user", "isShareable", "isAnnotatable",
	"isEditable", "localization", "uploadMeta", "uploadUrl", "suggestedContentType", "metadata", "count", "items",
}

// known are the places of names.
var known = func() map[string]int {
	m := make(map[string]int, len(names))
	for i, name := range names {
		m[name] = i
	}
	return m
}()

// memberName is plain for a name.
func memberName(quoted []byte) (string, bool) {
	if len(quoted) > 2 {
		if i, ok := known[string(quoted[1:len(quoted)-1])]; ok {
			return names[i], true
		}
	}
	return plain(quoted)
}

// plain is the string that raw spells when that is the same, letter for letter:
// ASCII without escapes.
func plain(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	for _, c := range raw[1 : len(raw)-1] {
		if c < ' ' || c > '~' || c == '\\' || c == '"' {
			return "", false
		}
	}
	return string(raw[1 : len(raw)-1]), true
}

// blank is the first place from i on that is not white space.
func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// valueEnd is the place after the value that begins at i.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if i >= len(b) {
				return len(b)
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return i + max(depth+1, 0)
			}
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}
