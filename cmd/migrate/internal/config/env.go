package config

// Service is what the environment says about the service and who we are there.
// Secrets come from here alone.
type Service struct {
	Subdomain    string
	APIURL       string // v4 base; overrides the host made from the subdomain
	V3URL        string // v3 base
	Token        Secret // personal API token
	ClientID     string
	ClientSecret Secret
	Username     string
	Password     Secret
	RefreshToken Secret
}

// ServiceFrom reads the SHOWPAD_* variables; hosts that the environment leaves
// open come from the file, where only loopback addresses are accepted.
func ServiceFrom(getenv func(string) string, file File) Service {
	s := Service{
		Subdomain:    getenv("SHOWPAD_SUBDOMAIN"),
		APIURL:       getenv("SHOWPAD_API_URL"),
		V3URL:        getenv("SHOWPAD_V3_URL"),
		Token:        NewSecret(getenv("SHOWPAD_TOKEN")),
		ClientID:     getenv("SHOWPAD_CLIENT_ID"),
		ClientSecret: NewSecret(getenv("SHOWPAD_CLIENT_SECRET")),
		Username:     getenv("SHOWPAD_USERNAME"),
		Password:     NewSecret(getenv("SHOWPAD_PASSWORD")),
		RefreshToken: NewSecret(getenv("SHOWPAD_REFRESH_TOKEN")),
	}
	if s.APIURL == "" && s.V3URL == "" {
		s.APIURL, s.V3URL = file.Values[KeyAPIURL].Value, file.Values[KeyV3URL].Value
	}
	return s
}

// Secrets are all secrets that were given.
func (s Service) Secrets() []Secret {
	var given []Secret
	for _, secret := range []Secret{s.Token, s.ClientSecret, s.Password, s.RefreshToken} {
		if secret.Given() {
			given = append(given, secret)
		}
	}
	return given
}
