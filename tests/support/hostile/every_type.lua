-- A protocol on UDP port 40001 with fields of every type that Lua can register, in every display base. The first byte of
-- a packet says what is made of the rest.
local every = Proto("everytype", "Every type of field")
local fields, plain, all = {}, {}, {}

local function register(name, kind, display, mask)
    local field = ProtoField.new(name, "everytype." .. name, kind, nil, display, mask)
    table.insert(all, field)
    fields[name] = field
    return field
end

local widths = {
    UINT8 = 1, UINT16 = 2, UINT24 = 3, UINT32 = 4, UINT64 = 8, INT8 = 1, INT16 = 2, INT24 = 3, INT32 = 4, INT64 = 8,
    CHAR = 1, BOOLEAN = 1, FLOAT = 4, DOUBLE = 8, ABSOLUTE_TIME = 8, RELATIVE_TIME = 8, IPv4 = 4, IPv6 = 16,
    ETHER = 6, GUID = 16, EUI64 = 8, BYTES = 5, STRING = 9, STRINGZ = 9, OID = 6, REL_OID = 6, SYSTEM_ID = 7, NONE = 2,
    IPXNET = 4,
}
local bases = {
    UINT8 = {"DEC", "HEX", "OCT", "DEC_HEX", "HEX_DEC"}, CHAR = {"HEX", "OCT"}, BYTES = {"NONE", "DOT", "DASH", "SPACE", "COLON"},
    INT8 = {"DEC"}, ABSOLUTE_TIME = {"LOCAL", "UTC", "DOY_UTC"}, BOOLEAN = {"NONE"},
}
for _, kind in ipairs{"UINT16", "UINT24", "UINT32", "UINT64"} do bases[kind] = bases.UINT8 end
for _, kind in ipairs{"INT16", "INT24", "INT32", "INT64"} do bases[kind] = bases.INT8 end

local names = {}
for kind in pairs(widths) do table.insert(names, kind) end
table.sort(names)
for _, kind in ipairs(names) do
    for _, display in ipairs(bases[kind] or {"NONE"}) do
        local name = string.lower(kind .. "_" .. display)
        table.insert(plain, {register(name, ftypes[kind], base[display]), widths[kind]})
    end
end
local frame = register("frame", ftypes.FRAMENUM, base.NONE)
local masked8 = register("masked8", ftypes.UINT8, base.HEX, 0x3c)
local masked32 = register("masked32", ftypes.UINT32, base.DEC, 0x00ffff00)
local text, number, present = fields.string_none, fields.uint32_dec, fields.none_none
every.fields = all

local makers = {}

local function add_plain(rest, tree)
    for _, each in ipairs(plain) do
        if rest:len() >= each[2] then pcall(tree.add, tree, each[1], rest:range(0, each[2])) end -- STRINGZ may have no end
    end
end

makers[0] = function(rest, tree) -- every field, from the rest's first bytes
    add_plain(rest, tree)
    tree:add(frame, rest:range(0, 4), rest:range(0, 4):uint())
    tree:add(masked8, rest:range(0, 1))
    tree:add(masked32, rest:range(0, 4))
    tree:add_le(fields.uint64_dec, rest:range(0, 8))
    tree:add_le(fields.double_none, rest:range(0, 8))
    tree:add(text, rest:range(0, rest:len()))
    tree:add(fields.bytes_none, rest:range(0, rest:len()))
end
makers[1] = function(rest, tree) -- thousands of values of few fields
    for index = 1, 20000 do tree:add(number, rest:range(0, 4), index) tree:add(present, rest:range(0, 1)) end
end
makers[2] = function(rest, tree) -- a deep tree
    for index = 1, 400 do tree = tree:add(number, rest:range(0, 4), index) end
end
makers[3] = function(rest, tree) -- huge strings
    tree:add(text, rest:range(0, 1), string.rep("\226\130\172", 300000))
    tree:add(text, rest:range(0, 1), string.rep('"\\\1\127\194\155\226\128\174', 100000))
    tree:add(text, rest:range(0, 1), "")
end
makers[4] = function(rest, tree) -- bytes that are no UTF-8, cut at every place
    for last = 1, rest:len() do tree:add(text, rest:range(0, 1), rest:range(0, last):raw()) end
end
makers[5] = function(rest, tree) -- thousands of different fields, of labels and of layers
    for _ = 1, 50 do
        add_plain(rest, tree)
        tree:add(rest:range(0, 1), "everytype.uint8_dec: a label")
    end
end

function every.dissector(tvb, _, tree)
    local rest = tvb:range(1):tvb()
    local subtree = tree:add(every, tvb:range())
    local make = makers[tvb:range(0, 1):uint()]
    if make then make(rest, subtree) end
    return tvb:len()
end

DissectorTable.get("udp.port"):add(40001, every)
