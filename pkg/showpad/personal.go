package showpad

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode"
)

// MyFiles stands for the My Files Division of whoever the credential belongs to.
// Source: page Asset Management, as seen working.
const MyFiles = "mine"

// PersonalFile is what goes into a user's My Files besides the bytes. Members that are
// absent are left to the service. Source: v3 post_divisions_id_assets.
type PersonalFile struct {
	FileName string // with its extension, by which the service knows the type; required
	// Folder is "/" for the top, or ids of folders between slashes: "/ID/ID/". Ids stand in
	// the web app's address bar; no call lists or makes folders.
	Folder                  string
	Name                    Opt[string]
	Description             Opt[string]
	IsShareable             Opt[bool]
	IsAnnotatable           Opt[bool]
	IsDownloadable          Opt[bool]
	IsSensitive             Opt[bool]
	OnlyShareEntireDocument Opt[bool]
	UseOptimized            Opt[bool]
}

// Accepted is the answer to an upload into My Files: exactly one of the two is set.
// Source: v3 post_divisions_id_assets, decided by resourcetype.
type Accepted struct {
	AssetID  string // it is there
	TicketID string // the service works on it: see [Client.Ticket]
}

// UploadPersonal sends size bytes into the My Files Division of a user, or into one's
// own for [MyFiles]. open is called for each attempt; the reader is closed by
// UploadPersonal, possibly while a Read is under way. progress (nil: nobody) is told of
// the file's bytes as they go out, and of a negative number when a failed attempt takes
// its bytes back.
//
// It makes something each time it is carried out, and nobody but its owner can look
// whether it was: once the whole body may have arrived it is not repeated, and the error
// wraps [ErrUnknownOutcome]. [ErrExists]: the Division has it already; by which of its
// attributes the service decides that is not documented. A [*SourceError]: the source
// failed or changed, and nothing was made. It needs the scopes write_division_management
// and write_contentprofile_management.
//
// API: v3 post_divisions_id_assets
func (c *Client) UploadPersonal(ctx context.Context, divisionID string, f PersonalFile, size int64, open OpenFunc, progress func(n int64)) (a Accepted, err error) {
	const op = "v3 post_divisions_id_assets"
	if err := c.needV3(op); err != nil {
		return Accepted{}, err
	}
	seg, err := segment(op, "Division", divisionID)
	if err != nil {
		return Accepted{}, err
	}
	fields, err := f.fields(op)
	if err != nil {
		return Accepted{}, err
	}
	if size < 0 {
		return Accepted{}, badRequest(op, "%d bytes cannot be sent", size)
	}
	body, err := newForm(fields, f.FileName, size, open, progress)
	if err != nil {
		return Accepted{}, badRequest(op, "request cannot be made: %v", err)
	}
	err = c.do(ctx, &request{op: op, kind: KindCreate, method: "POST", url: c.v3URL + "/divisions/" + seg + "/assets.json", form: body, decode: func(b []byte) error {
		_, m, err := v3Object(op, b)
		if err != nil {
			return err
		}
		a, err = accepted(m)
		return err
	}})
	if err != nil {
		return Accepted{}, err
	}
	return a, nil
}

func accepted(m map[string]json.RawMessage) (Accepted, error) {
	id := text(m["id"])
	switch kind := text(m["resourcetype"]); {
	case id == "":
		return Accepted{}, errors.New("it has no id")
	case strings.EqualFold(kind, "Asset"):
		return Accepted{AssetID: id}, nil
	case strings.EqualFold(kind, "Ticket"):
		return Accepted{TicketID: id}, nil
	default:
		return Accepted{}, errors.New("it is neither an asset nor a ticket")
	}
}

// fields are the texts of the form, in a fixed order.
func (f PersonalFile) fields(op string) ([]field, error) {
	if f.FileName == "" || strings.ContainsFunc(f.FileName, unicode.IsControl) || strings.ContainsAny(f.FileName, `/\`) {
		return nil, badRequest(op, "file name %q is not one", clean(f.FileName))
	}
	if !strings.HasPrefix(f.Folder, "/") || !strings.HasSuffix(f.Folder, "/") {
		return nil, badRequest(op, "folder %q does not begin and end with a slash", clean(f.Folder))
	}
	// The member is spelt with s. Source: samples of page Asset Management and the member of tickets.
	where, err := json.Marshal(struct {
		Path string `json:"materialisedPath"`
	}{f.Folder})
	if err != nil {
		return nil, badRequest(op, "folder cannot be encoded: %v", err)
	}
	out := []field{{"isPersonal", "true"}, {"postProcessingInstructions", string(where)}}
	for _, t := range []struct {
		name  string
		value Opt[string]
	}{{"name", f.Name}, {"description", f.Description}} {
		if t.value.Set && !t.value.Null {
			out = append(out, field{t.name, t.value.Value})
		}
	}
	for _, b := range []struct {
		name  string
		value Opt[bool]
	}{
		{"isShareable", f.IsShareable}, {"isAnnotatable", f.IsAnnotatable}, {"isDownloadable", f.IsDownloadable},
		{"isSensitive", f.IsSensitive}, {"onlyShareEntireDocument", f.OnlyShareEntireDocument}, {"useOptimized", f.UseOptimized},
	} {
		if b.value.Set && !b.value.Null {
			out = append(out, field{b.name, strconv.FormatBool(b.value.Value)})
		}
	}
	return out, nil
}
