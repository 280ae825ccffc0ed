/* The system's Lua, and the layer in which its longjmp may happen (see interpreter.h for the rules). */
#ifndef LV_CLUA_H
#define LV_CLUA_H
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "interpreter.h"
#include "reply.h"
#endif
