/*
 * no_gettext.c
 *		libintl without translations, to be preloaded with libasan.
 *
 * With libasan first, glibc's lock of translations is broken before main() of a server
 * that was built with NLS, and the server waits for it forever.
 */
char *
bindtextdomain(const char *domain, const char *folder)
{
	(void) domain;
	return (char *) folder;
}

char *
bind_textdomain_codeset(const char *domain, const char *codeset)
{
	(void) domain;
	return (char *) codeset;
}

char *
textdomain(const char *domain)
{
	return (char *) domain;
}

char *
gettext(const char *message)
{
	return (char *) message;
}

char *
dgettext(const char *domain, const char *message)
{
	(void) domain;
	return (char *) message;
}

char *
dcgettext(const char *domain, const char *message, int category)
{
	(void) category;
	return dgettext(domain, message);
}

char *
ngettext(const char *one, const char *many, unsigned long n)
{
	return (char *) (n == 1 ? one : many);
}

char *
dngettext(const char *domain, const char *one, const char *many, unsigned long n)
{
	(void) domain;
	return ngettext(one, many, n);
}

char *
dcngettext(const char *domain, const char *one, const char *many, unsigned long n, int category)
{
	(void) category;
	return dngettext(domain, one, many, n);
}
