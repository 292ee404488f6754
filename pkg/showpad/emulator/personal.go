package emulator

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// opPersonal is the upload into My Files.
const opPersonal = "post_divisions_id_assets"

// mine stands for the caller's own My Files. Source: page Asset Management.
const mine = "mine"

// defaultFileLimit is the most that one personal file may have, in bytes, unless the
// user's own limit is set. Source: ASSUME.
const defaultFileLimit = 1 << 30

// personalFile is what somebody uploaded into a user's My Files, and the service's work
// on it.
type personalFile struct {
	ID          string // of the asset, which is there once the work has ended well
	Seq         uint64
	Owner       string // id of the user whose My Files they are
	By          string // id of the user who sent it
	Division    string
	Name        string
	FileName    string
	Folder      string
	Description string
	Flags       map[string]bool // parts that are true or false
	MD5         string          // hex
	Size        int64
	Created     time.Time

	Ticket    string    // "": the asset was there at once
	Ready     time.Time // when the work ends
	Fails     string    // how it will end; "" well
	Stuck     bool      // it never ends
	Cancelled time.Time // by its ticket; zero: it was not
	Forced    bool      // used although it failed
}

// State of the work at a moment, and when it got there.
func (p *personalFile) status(now time.Time, sw *Switches) (state string, since time.Time) {
	switch {
	case p.Forced, p.Ticket == "":
		return "completed", p.Ready
	case !p.Cancelled.IsZero():
		return "failed", p.Cancelled
	case p.Stuck, matches(sw.StuckProcessing, p.Name), now.Before(p.Ready):
		if now.Before(p.Created.Add(p.Ready.Sub(p.Created) / 4)) {
			return "queued", p.Created
		}
		return "processing", p.Created.Add(p.Ready.Sub(p.Created) / 4)
	case p.Fails != "":
		return "failed", p.Ready
	}
	return "completed", p.Ready
}

// there says whether the file takes room, and its name: one that failed does not.
func (p *personalFile) there(now time.Time, sw *Switches) bool {
	state, _ := p.status(now, sw)
	return state != "failed"
}

// ownerOf is the user whose My Files Division has an id, or nil.
func (s *Server) ownerOf(division string) *User {
	for i := range s.opts.Users {
		if s.opts.Users[i].MyFiles == division {
			return &s.opts.Users[i]
		}
	}
	return nil
}

// personalBytes is how many bytes a user's personal files have.
func (s *Server) personalBytes(u *User) (n int64) {
	for _, p := range s.st.personal {
		if p.Owner == u.ID && p.there(s.now(), &s.sw) {
			n += p.Size
		}
	}
	return n
}

// received is a form as it has arrived: its texts, and its file in a blob.
type received struct {
	texts  map[string]string
	file   string // name of the file; "" without one
	size   int64
	digest string
	blob   *blob
	wrong  *answer // it is none, or not one of this operation
	later  bool    // it is executed late
}

func (f *received) discard() {
	if f.blob != nil {
		f.blob.discard()
	}
}

// receiveForm streams the form of a call; a second time it does nothing. A non-nil
// answer ends the call.
func (s *Server) receiveForm(c *call) *answer {
	if c.form != nil {
		return nil
	}
	c.form = &received{texts: map[string]string{}}
	kind, params, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		c.drain()
		c.form.wrong = new(v3Answer(http.StatusUnsupportedMediaType, 5000, "InvalidBodyError", "the content type must be multipart/form-data"))
		return nil
	}
	body := &counted{r: c.src, left: c.stopAfter}
	if body.r == nil {
		body.r = strings.NewReader("")
	}
	err = s.readForm(c, multipart.NewReader(body, params["boundary"]))
	if err == nil && c.stopAfter < 0 {
		_, err = io.Copy(io.Discard, body) // what follows the last boundary
	}
	switch {
	case c.stopAfter >= 0, errors.Is(err, errCut):
		return &answer{abort: abortReset}
	case c.length >= 0 && body.n != c.length:
		return &answer{abort: abortReset} // the caller has gone
	case err != nil:
		c.form.wrong = new(v3Answer(http.StatusBadRequest, 5000, "InvalidBodyError", "the form cannot be read: "+err.Error()))
	}
	return nil
}

// counted counts what is read, and ends with errCut after left bytes; -1: never.
type counted struct {
	r       io.Reader
	left, n int64
}

func (b *counted) Read(p []byte) (int, error) {
	if b.left >= 0 {
		if b.n >= b.left {
			return 0, errCut
		}
		p = p[:min(int64(len(p)), b.left-b.n)]
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	return n, err
}

// maxPart is the longest text of a form, in bytes. Source: ASSUME.
const maxPart = 64 << 10

func (s *Server) readForm(c *call, r *multipart.Reader) error {
	f := c.form
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := part.FormName()
		if _, twice := f.texts[name]; twice || name == "file" && f.file != "" {
			return fmt.Errorf("part %q comes twice", name)
		}
		if name != "file" {
			b, err := io.ReadAll(io.LimitReader(part, maxPart+1))
			switch {
			case err != nil:
				return err
			case len(b) > maxPart:
				return fmt.Errorf("part %q has more than %d bytes", name, maxPart)
			}
			f.texts[name] = string(b)
			continue
		}
		f.file = part.FileName()
		s.mu.Lock()
		id, _ := s.newID("upload")
		s.mu.Unlock()
		if f.blob, err = s.blobs.create(id); err != nil {
			return err
		}
		sum := md5.New()
		if f.size, err = io.Copy(io.MultiWriter(f.blob, sum), part); err != nil {
			return err
		}
		f.digest = hex.EncodeToString(sum.Sum(nil))
	}
}

// personalFlags are the parts of the form that are true or false, personalTexts the
// others. Source: v3 post_divisions_id_assets.
var (
	personalFlags = []string{
		"isPersonal", "isShareable", "isAnnotatable", "isDownloadable", "isSensitive", "isEditable", "isDivisionShared", "onlyShareEntireDocument",
		"useOptimized", "hideLabel", "liked",
	}
	personalTexts = []string{
		"name", "description", "postProcessingInstructions", "externalId", "externalServiceId", "oAuth2ClientId", "slug", "url", "channelTemplateConfigId",
		"expiresAt", "releasedAt", "draftedAt", "externalDate", "filetype", "lockedPages", "icon",
	}
)

// readPersonal checks a form: an answer refuses it.
func readPersonal(f *received) (p *personalFile, no *answer) {
	refuse := func(code int, name, format string, args ...any) (*personalFile, *answer) {
		return nil, new(v3Answer(http.StatusBadRequest, code, name, fmt.Sprintf(format, args...)))
	}
	p = &personalFile{FileName: f.file, Name: f.file, MD5: f.digest, Size: f.size, Flags: map[string]bool{}}
	for _, name := range slices.Sorted(keys(f.texts)) {
		text := f.texts[name]
		switch {
		case slices.Contains(personalFlags, name) && text != "true" && text != "false":
			return refuse(4001, "ChoiceValidationError", "%s must be true or false, not %q", name, text)
		case slices.Contains(personalFlags, name):
			p.Flags[name] = text == "true"
		case !slices.Contains(personalTexts, name):
			return refuse(2001, invalidParameter, "%s is not a part of this form", name)
		}
	}
	switch {
	case f.file == "":
		return refuse(4008, "IsRequiredValidationError", "file is required")
	case path.Ext(f.file) == "" || strings.ContainsAny(f.file, `/\`):
		return refuse(4013, "WrongFileTypeValidationError", "the file name %q has no extension", f.file)
	case !p.Flags["isPersonal"]:
		return refuse(4008, "IsRequiredValidationError", "isPersonal must be true in My Files")
	}
	var where map[string]string
	dec := json.NewDecoder(strings.NewReader(f.texts["postProcessingInstructions"]))
	if err := dec.Decode(&where); err != nil || len(where) != 1 {
		return refuse(4006, "FormatValidationError", `postProcessingInstructions must be such as {"materialisedPath":"/"}`)
	}
	p.Folder = where["materialisedPath"]
	if !strings.HasPrefix(p.Folder, "/") || !strings.HasSuffix(p.Folder, "/") || strings.Contains(p.Folder, "//") {
		return refuse(4006, "FormatValidationError", "materialisedPath %q must begin and end with a slash", p.Folder)
	}
	if name, ok := f.texts["name"]; ok {
		if n := len([]rune(name)); strings.TrimSpace(name) == "" {
			return refuse(4010, "TooFewCharsValidationError", "name must not be empty")
		} else if n > 255 {
			return refuse(4011, "TooManyCharsValidationError", "name has %d characters", n)
		}
		p.Name = name
	}
	p.Description = f.texts["description"]
	return p, nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// postPersonal is POST /divisions/{id}/assets.json, for My Files only. What needs
// processing answers with a ticket; a type that needs none, with the asset.
// Source: v3 post_divisions_id_assets, page Asset Management; that the name decides what exists, that the
// total limit answers 4004 too, and that types other than raw need processing is ASSUME.
func postPersonal(s *Server, c *call) answer {
	if _, no := c.query(false, []string{"suppress_response_codes"}, nil); no != nil {
		return v3BadQuery(no)
	}
	if c.form.wrong != nil {
		return *c.form.wrong
	}
	owner := s.ownerOf(c.params["id"])
	if c.params["id"] == mine {
		owner = c.caller.user
	}
	if owner == nil {
		if s.division(c.params["id"]) != nil {
			return v3Answer(http.StatusBadRequest, 4000, "ValidationError", "this emulator takes uploads of v3 into My Files only")
		}
		return v3Answer(http.StatusNotFound, 3004, "ResourceNotFoundError", "there is no Division "+c.params["id"])
	}
	p, no := readPersonal(c.form)
	if no != nil {
		return *no
	}
	if owner.Inactive {
		return v3Answer(http.StatusBadRequest, 4012, "UnavailableValidationError", "the user is not active")
	}
	now := c.at(s.now())
	limit := owner.FileLimit
	if limit == 0 {
		limit = defaultFileLimit
	}
	switch used := s.personalBytes(owner); {
	case p.Size > limit:
		return v3Answer(http.StatusBadRequest, 4004, "FileTooBigValidationError", fmt.Sprintf("the file has %d bytes, the limit is %d", p.Size, limit))
	case owner.TotalLimit > 0 && used+p.Size > owner.TotalLimit:
		return v3Answer(http.StatusBadRequest, 4004, "FileTooBigValidationError", fmt.Sprintf("%d bytes are left of the user's %d", owner.TotalLimit-used, owner.TotalLimit))
	}
	for _, other := range s.st.personal {
		if other.Owner == owner.ID && other.Name == p.Name && other.there(now, &s.sw) && !s.sw.TwinPersonalFiles {
			s.books.PersonalConflicts++
			return v3Answer(http.StatusConflict, 4009, "NotUniqueValidationError", "the Division has this asset already")
		}
	}
	if !c.commit() {
		return answer{}
	}
	p.ID, p.Seq = s.newID("asset")
	p.Owner, p.By, p.Division, p.Created = owner.ID, c.caller.user.ID, owner.MyFiles, now
	p.Ready = now.Add(s.processingTime(p.Name))
	if matches(s.sw.FailProcessing, p.Name) {
		p.Fails = "The file could not be processed"
	}
	if o := c.outcome; o != nil {
		if p.Stuck = o.Kind == KindProcessingStuck && o.Delay == 0; o.Kind == KindProcessingStuck {
			p.Ready = now.Add(time.Duration(o.Delay))
		}
		if o.Kind == KindProcessingFails {
			p.Fails = "The file could not be processed"
			if o.Code != "" {
				p.Fails = o.Code
			}
		}
	}
	if c.form.blob != nil {
		c.form.blob.id = p.ID
		if err := c.form.blob.keep(); err != nil {
			return v3Answer(http.StatusInternalServerError, http.StatusInternalServerError, "InternalError", err.Error())
		}
	}
	if typeOf(p.FileName) != "raw" {
		p.Ticket, _ = s.newID("ticket")
	}
	s.st.personal = append(s.st.personal, p)
	s.log(record{Personal: p})
	if p.Ticket != "" {
		return s.v3Made(s.wireTicket(p, c))
	}
	return s.v3Made(s.wirePersonal(p))
}

// v3Made is v3OK for what was made.
func (s *Server) v3Made(response any) answer {
	a := s.v3OK(response)
	env := a.value.(v3Envelope)
	env.Meta.Code, env.Meta.Message = http.StatusCreated, "Created"
	a.status, a.value = http.StatusCreated, env
	return a
}

func (s *Server) wirePersonal(p *personalFile) map[string]any {
	return map[string]any{
		"id": p.ID, "resourcetype": "Asset", "name": p.Name, "originalName": p.FileName, "description": p.Description, "isPersonal": true,
		"filetype": typeOf(p.FileName), "extension": strings.TrimPrefix(path.Ext(p.FileName), "."), "fileSize": p.Size, "md5Checksum": p.MD5,
		"createdAt": v3Stamp(&p.Created), "updatedAt": v3Stamp(&p.Created),
		"division": map[string]any{"id": p.Division, "href": prefixes["v3"] + "/divisions/" + p.Division + ".json"},
	}
}

// PersonalFile is a file in a user's My Files as tests look at it.
type PersonalFile struct {
	ID          string          `json:"id"`
	Owner       string          `json:"owner"` // e-mail address
	By          string          `json:"by"`    // e-mail address of who sent it
	Name        string          `json:"name"`
	FileName    string          `json:"fileName"`
	Folder      string          `json:"folder"`
	Description string          `json:"description"`
	Flags       map[string]bool `json:"flags"`
	MD5         string          `json:"md5"`
	Size        int64           `json:"size"`
	Ticket      string          `json:"ticket"` // "" for none
	Status      string          `json:"status"` // of the ticket, or completed
	CreatedAt   time.Time       `json:"createdAt"`
}

// PersonalFiles returns copies of all that was uploaded into My Files, what failed
// included, by creation.
func (s *Server) PersonalFiles() []PersonalFile {
	s.runLate()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]PersonalFile, 0, len(s.st.personal))
	for _, p := range s.st.personal {
		v := PersonalFile{
			ID: p.ID, Name: p.Name, FileName: p.FileName, Folder: p.Folder, Description: p.Description, Flags: p.Flags,
			MD5: p.MD5, Size: p.Size, Ticket: p.Ticket, CreatedAt: p.Created,
		}
		v.Status, _ = p.status(s.now(), &s.sw)
		if u := s.userByID(p.Owner); u != nil {
			v.Owner = u.Email
		}
		if u := s.userByID(p.By); u != nil {
			v.By = u.Email
		}
		out = append(out, v)
	}
	return out
}

// personalTwins are the living files that one user has several times, by his address
// and their name.
func (s *Server) personalTwins() map[string][]string {
	ids := map[string][]string{}
	for _, p := range s.st.personal {
		if u := s.userByID(p.Owner); u != nil && p.there(s.now(), &s.sw) {
			key := u.Email + " " + strconv.Quote(p.Name)
			ids[key] = append(ids[key], p.ID)
		}
	}
	for key, list := range ids {
		if len(list) < 2 {
			delete(ids, key)
		}
	}
	return ids
}
