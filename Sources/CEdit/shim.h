/* libedit's functions with variable arguments, which Swift cannot call, in fixed forms. */
#include <histedit.h>
#include <stdio.h>

typedef char *(*lv_edit_prompt)(EditLine *);
typedef int (*lv_edit_read)(EditLine *, wchar_t *);
typedef unsigned char (*lv_edit_command)(EditLine *, int);

/* An editor on the standard streams; NULL when there is no memory. */
static inline EditLine *lv_edit_open(const char *name) { return el_init(name, stdin, stdout, stderr); }

static inline void lv_edit_setup(EditLine *editor, History *history_list, void *data, lv_edit_prompt prompt, lv_edit_read read_character) {
    el_set(editor, EL_CLIENTDATA, data);
    el_set(editor, EL_PROMPT, prompt);
    el_set(editor, EL_SIGNAL, 0);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, history, history_list);
    el_set(editor, EL_GETCFN, read_character);
}

static inline void *lv_edit_data(EditLine *editor) {
    void *data = NULL;
    el_get(editor, EL_CLIENTDATA, &data);
    return data;
}

static inline void lv_edit_add(EditLine *editor, const char *name, const char *help, lv_edit_command command) {
    el_set(editor, EL_ADDFN, name, help, command);
}

static inline void lv_edit_bind(EditLine *editor, const char *key, const char *name) { el_set(editor, EL_BIND, key, name, NULL); }

/* Writes to the terminal behind the editor's back, in order with what it writes. */
static inline void lv_edit_write(const char *text) {
    fputs(text, stdout);
    fflush(stdout);
}

/* Columns that a character takes (wcwidth(3), which Glibc's module map hides). */
int wcwidth(wchar_t character);
static inline int lv_edit_columns(unsigned character) { return wcwidth((wchar_t)character); }

/* Draws prompt and line anew, from the terminal's cursor on, which must stand at the start of a free row. */
static inline void lv_edit_redraw(EditLine *editor) { el_set(editor, EL_REFRESH); }

/* The terminal in the editor's mode (1) or in the one it had before (0). */
static inline void lv_edit_prepare(EditLine *editor, int on) { el_set(editor, EL_PREP_TERM, on); }

static inline void lv_history_size(History *list, int size) {
    HistEvent event;
    history(list, &event, H_SETSIZE, size);
    history(list, &event, H_SETUNIQUE, 1);
}

static inline void lv_history_enter(History *list, const char *line) {
    HistEvent event;
    history(list, &event, H_ENTER, line);
}

static inline int lv_history_load(History *list, const char *path) {
    HistEvent event;
    return history(list, &event, H_LOAD, path);
}

static inline int lv_history_save(History *list, const char *path) {
    HistEvent event;
    return history(list, &event, H_SAVE, path);
}

static inline void lv_history_clear(History *list) {
    HistEvent event;
    history(list, &event, H_CLEAR);
}

/* The entry `number` back from the newest (0); NULL: there is none. */
static inline const char *lv_history_entry(History *list, int number) {
    HistEvent event;
    if (history(list, &event, H_FIRST) < 0) return NULL;
    while (number-- > 0)
        if (history(list, &event, H_NEXT) < 0) return NULL;
    return event.str;
}
